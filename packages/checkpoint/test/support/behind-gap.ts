import type { FileSystem } from '@flexgen/spec'

/** The same files with so many zero bytes in front that nobody has to hold. */
export function behindGap(fileSystem: FileSystem, gapBytes: number): FileSystem {
  return {
    ...fileSystem,
    async open(path, mode) {
      const file = await fileSystem.open(path, mode)
      return {
        ...file,
        sizeBytes: async () => gapBytes + (await file.sizeBytes()),
        async read(target, position) {
          if (position >= gapBytes) return file.read(target, position - gapBytes)
          const count = Math.min(target.byteLength, gapBytes - position)
          target.fill(0, 0, count)
          return count
        },
      }
    },
  }
}
