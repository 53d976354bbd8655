import { createFaultyFileSystem } from '@flexgen/conformance'
import { memoryFileSystem, shares } from '@flexgen/opt-fixtures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pattern } from '../../test/support/bytes.ts'
import { OpenFiles } from '../file/open-files.ts'
import { columnMajorStrides, isContiguous } from './contiguous.ts'
import { readStrided } from './read-strided.ts'
import { describeTensor, type StoredTensor } from './stored-tensor.ts'

/** Value by value, the slow and obvious way. */
function gather(file: Uint8Array, { info, byteOffset, strides }: StoredTensor, itemBytes: number): Uint8Array {
  const result = new Uint8Array(info.byteLength)
  for (let element = 0; element < info.byteLength / itemBytes; element++) {
    let rest = element
    let at = 0
    for (let d = info.shape.length - 1; d >= 0; d--) {
      at += (rest % info.shape[d]!) * strides![d]!
      rest = Math.floor(rest / info.shape[d]!)
    }
    const start = byteOffset + at * itemBytes
    result.set(file.subarray(start, start + itemBytes), element * itemBytes)
  }
  return result
}

const layouts = fc.record({
  dimensions: fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.oneof(fc.nat(9), fc.nat(5000))), { maxLength: 4 }),
  byteOffset: fc.nat(20),
  itemBytes: fc.constantFrom(2, 4),
  from: shares,
  to: shares,
})

describe('readStrided', () => {
  it('gives the same bytes as going value by value, for any strides and any range of bytes', async () => {
    await fc.assert(
      fc.asyncProperty(layouts, async ({ dimensions, byteOffset, itemBytes, from, to }) => {
        const shape = dimensions.map(([size]) => size)
        const strides = dimensions.map(([, stride]) => stride)
        const reach = dimensions.reduce((sum, [size, stride]) => sum + (size - 1) * stride, 0)
        const file = pattern(byteOffset + (reach + 1) * itemBytes)
        const info = describeTensor('t', shape, itemBytes === 2 ? 'float16' : 'float32')
        const tensor: StoredTensor = { info, path: '/f', byteOffset, strides }
        const [low, high] = [from, to].map((share) => Math.round(share * info.byteLength)).toSorted((a, b) => a - b)
        await using files = new OpenFiles(memoryFileSystem({ '/f': file }))
        const target = new Uint8Array(high! - low!)
        await readStrided(files, tensor, itemBytes, low!, target, undefined)
        expect(target).toEqual(gather(file, tensor, itemBytes).subarray(low, high))
      }),
      { numRuns: 300 },
    )
  })

  it('reads a large transposed matrix in few pieces and little memory', async () => {
    const [rows, columns] = [1200, 2000]
    const bits = Uint16Array.from({ length: rows * columns }, (_, i) => i)
    const file = new Uint8Array(bits.buffer)
    const fileSystem = createFaultyFileSystem(memoryFileSystem({ '/f': file }), {})
    const shape = [columns, rows]
    const strides = columnMajorStrides(shape)
    const tensor: StoredTensor = { info: describeTensor('t', shape, 'float16'), path: '/f', byteOffset: 0, strides }
    await using files = new OpenFiles(fileSystem)
    const target = new Uint8Array(tensor.info.byteLength)
    await readStrided(files, tensor, 2, 0, target, undefined)
    const transposed = Uint16Array.from(bits, (_, i) => bits[(i % rows) * columns + Math.floor(i / rows)]!)
    expect(Buffer.compare(target, new Uint8Array(transposed.buffer))).toBe(0)
    expect(fileSystem.calls.get('read')).toBeLessThanOrEqual(4)
  })
})

describe('isContiguous', () => {
  it('knows row-major order, and that dimensions of size 1 do not matter', () => {
    expect(isContiguous([2, 3], [3, 1])).toBe(true)
    expect(isContiguous([2, 3], [1, 2])).toBe(false)
    expect(isContiguous([2, 3], [4, 1])).toBe(false)
    expect(isContiguous([1, 3, 1], [99, 1, 7])).toBe(true)
    expect(isContiguous([3], [0])).toBe(false)
    expect(isContiguous([], [])).toBe(true)
    expect(isContiguous([0, 5], [1, 1])).toBe(true)
  })
})
