import { tensorBytes, type TensorInfo, type WeightSource } from '@flexgen/spec'
import { expect } from 'vitest'

/** The bytes of a whole tensor. */
export async function readTensor(source: WeightSource, name: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(source.tensors.get(name)!.byteLength)
  await source.read(name, 0, bytes)
  return bytes
}

const rangeBytes = 4096
const guardBytes = 8

/** Reads a range between guards of a value, which must stay as they are. */
async function readGuarded(source: WeightSource, name: string, from: number, length: number, guard: number) {
  const all = new Uint8Array(length + 2 * guardBytes).fill(guard)
  const target = all.subarray(guardBytes, guardBytes + length)
  await source.read(name, from, target)
  const guards = [...all.subarray(0, guardBytes), ...all.subarray(guardBytes + length)]
  expect(guards.every((byte) => byte === guard)).toBe(true)
  return target
}

async function checkRange(
  source: WeightSource,
  { name }: TensorInfo,
  [from, length]: readonly [number, number],
  files: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  const bytes = await readGuarded(source, name, from, length, 0)
  // Another value below shows a byte that was not written.
  expect(Buffer.compare(bytes, await readGuarded(source, name, from, length, 255))).toBe(0)
  const extents = source.extents(name, from, length)
  if (extents === undefined) return
  const parts = extents.map(({ path, byteOffset, byteLength }) => {
    expect(byteOffset >= 0 && byteOffset + byteLength <= files[path]!.byteLength).toBe(true)
    return files[path]!.subarray(byteOffset, byteOffset + byteLength)
  })
  expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0)
}

/** Asserts that a source is sound: shapes that fit their bytes, and right-sized reads of both ends of every tensor. */
export async function readEverything(source: WeightSource, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  const fileBytes = Object.values(files).reduce((sum, { byteLength }) => sum + byteLength, 0)
  for (const [name, info] of source.tensors) {
    expect(info.name).toBe(name)
    expect(info.byteLength).toBe(tensorBytes(info.dtype, info.shape))
    expect(info.byteLength >= 0 && info.byteLength <= fileBytes && info.shape.every((size) => size >= 0)).toBe(true)
    const length = Math.min(info.byteLength, rangeBytes)
    await checkRange(source, info, [0, length], files)
    await checkRange(source, info, [info.byteLength - length, length], files)
  }
}
