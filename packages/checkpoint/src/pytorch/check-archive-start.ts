import { UnsupportedDataError } from '@flexgen/spec'
import type { OpenFiles } from '../file/open-files.ts'
import { refuseLfsPointer } from '../file/refuse-lfs-pointer.ts'

/** The number 0x1950a86a20f9469cfc6c as a pickle writes it: how files of PyTorch before 1.6 begin, after 2 bytes. */
const legacyMagic = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]

/**
 * Refuses by name what lies at the place of a `.bin` file and is no zip archive.
 * @throws {FlexgenError} `UNSUPPORTED_DATA` for the legacy form, `CORRUPT_DATA` for a Git LFS pointer
 */
export async function checkArchiveStart(files: OpenFiles, path: string): Promise<void> {
  const start = new Uint8Array(Math.min(await files.sizeBytes(path), 64))
  await files.read(path, 0, start)
  refuseLfsPointer(path, start)
  if (legacyMagic.some((byte, i) => start[i + 2] !== byte)) return
  throw new UnsupportedDataError(`${path} has the legacy form of PyTorch before 1.6, which is not supported`, {
    hint: `convert it: python -c "import torch; torch.save(torch.load('IN.bin', weights_only=True), 'OUT.bin')"`,
  })
}
