import { FlexgenError, type WeightSource } from '@flexgen/spec'

/** The bytes of a whole tensor. */
export async function readTensor(source: WeightSource, name: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(source.tensors.get(name)!.byteLength)
  await source.read(name, 0, bytes)
  return bytes
}

/**
 * Opens a source that may be damaged and reads what it says it has, up to 64 KiB a tensor; gives the bytes, or undefined
 * where it was refused with an error of the project. Anything else that is thrown is a defect of the parser.
 */
export async function readOrRefuse(open: () => Promise<WeightSource>): Promise<Map<string, Uint8Array> | undefined> {
  try {
    await using source = await open()
    const found = new Map<string, Uint8Array>()
    for (const { name, byteLength } of source.tensors.values()) {
      const bytes = new Uint8Array(Math.min(byteLength, 65536))
      await source.read(name, 0, bytes)
      found.set(name, bytes)
    }
    return found
  } catch (error) {
    if (FlexgenError.isInstance(error) && error.code !== 'INTERNAL') return undefined
    throw error
  }
}
