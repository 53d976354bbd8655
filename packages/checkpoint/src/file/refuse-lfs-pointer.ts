import { CorruptDataError } from '@flexgen/spec'

const lfsPointer = new TextEncoder().encode('version https://git-lfs')

/**
 * Refuses the small text file that a clone without Git LFS has in the place of each weight file.
 * @param start the first bytes of the file
 * @throws {CorruptDataError} with the remedy
 */
export function refuseLfsPointer(path: string, start: Uint8Array): void {
  if (lfsPointer.some((byte, i) => start[i] !== byte)) return
  throw new CorruptDataError(`${path} is a Git LFS pointer, not the file itself`, {
    hint: "run 'git lfs pull' in the folder of the model, or download the file",
  })
}
