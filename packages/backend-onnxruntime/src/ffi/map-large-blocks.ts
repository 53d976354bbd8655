import type { Koffi } from './koffi-library.ts'

/** Options of `mallopt`. */
const mapThreshold = -3
const trimThreshold = -1
const largeBlockBytes = 2 ** 20

/**
 * Tells the C library, for the whole process, to map every large block by itself. glibc would stop doing so once it
 * has seen one freed, and keep up to 64 MB of what a library frees in the heap of each thread that it allocates on.
 */
export function mapLargeBlocks(koffi: Koffi): void {
  if (process.platform !== 'linux') return
  try {
    const setOption = koffi.load(null).func('mallopt', 'int', ['int', 'int'])
    for (const option of [mapThreshold, trimThreshold]) setOption(option, largeBlockBytes)
  } catch {
    // Other C libraries have no such option, and no such habit.
  }
}
