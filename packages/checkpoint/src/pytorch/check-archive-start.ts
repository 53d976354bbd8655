import { UnsupportedDataError } from '@flexgen/spec'
import type { OpenFiles } from '../file/open-files.ts'
import { refuseLfsPointer } from '../file/refuse-lfs-pointer.ts'

/** The number 0x1950a86a20f9469cfc6c as a pickle writes it: how files of PyTorch before 1.6 begin, after its protocol. */
const legacyMagic = Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex')

/**
 * Refuses by name what lies at the place of a `.bin` file and is no zip archive.
 * @throws {FlexgenError} `UNSUPPORTED_DATA` for the legacy form, `CORRUPT_DATA` for a Git LFS pointer
 */
export async function checkArchiveStart(files: OpenFiles, path: string): Promise<void> {
  const start = Buffer.alloc(Math.min(await files.sizeBytes(path), 64))
  await files.read(path, 0, start)
  refuseLfsPointer(path, start)
  if (!start.includes(legacyMagic)) return
  throw new UnsupportedDataError(`${path} has the legacy form of PyTorch before 1.6, which is not supported`, {
    hint: `convert it: python -c "import torch; torch.save(torch.load('IN.bin', weights_only=True), 'OUT.bin')"`,
  })
}
