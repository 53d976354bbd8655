import assert from 'node:assert/strict'
import type { Extent, FileSystem } from '@flexgen/spec'

/** The bytes of extents, one behind the other, read from their files. */
export async function readExtents(fileSystem: FileSystem, extents: readonly Extent[]): Promise<Uint8Array> {
  const bytes = new Uint8Array(extents.reduce((sum, extent) => sum + extent.byteLength, 0))
  let filled = 0
  for (const extent of extents) {
    const file = await fileSystem.open(extent.path, 'read')
    try {
      const end = filled + extent.byteLength
      for (let position = extent.byteOffset; filled < end;) {
        const count = await file.read(bytes.subarray(filled, end), position)
        assert.ok(count > 0, `${extent.path} ends at ${position}, before its extent`)
        filled += count
        position += count
      }
    } finally {
      await file.close()
    }
  }
  return bytes
}
