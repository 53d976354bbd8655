import { quantizeColumns, quantizeRows } from '@flexgen/quantize'
import type { GroupDType } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readTensor } from '../../test/support/read-all.ts'
import { withRead } from '../../test/support/with-read.ts'
import { createDummySource } from '../dummy/create-dummy-source.ts'
import { compressSource } from './compress-source.ts'

const shapes: Readonly<Record<string, readonly number[]>> = {
  table: [130, 80],
  weight: [130, 96],
  // Whole groups along the rows, and more of them than the tile has values.
  inputs: [4500, 64],
  bias: [130],
  kept: [4, 64],
}
const forms = new Map<string, GroupDType>([
  ['table', 'q4g64'],
  ['weight', 'q4g64c'],
  ['inputs', 'q4g64'],
  ['bias', 'q4g64'],
])

function open(dtype: 'float16' | 'float32') {
  const tensors = Object.entries(shapes).map(([name, shape]) => ({ name, shape }))
  const original = createDummySource({ tensors, dtype, seed: 3, tileBytes: 4096 })
  return { original, source: compressSource(original, forms) }
}

describe('compressSource', () => {
  it('gives matrices in their form, and leaves vectors and the rest as they are', () => {
    const { source, original } = open('float16')
    const sizes = [...source.tensors.values()].map(({ name, dtype, byteLength }) => [name, dtype, byteLength])
    expect(sizes).toEqual([
      ['table', 'q4g64', 130 * 2 * 36],
      ['weight', 'q4g64c', 3 * 96 * 36],
      ['inputs', 'q4g64', 4500 * 36],
      ['bias', 'float16', 260],
      ['kept', 'float16', 512],
    ])
    expect(source.tensors.get('kept')).toBe(original.tensors.get('kept'))
    expect(source.extents('table', 0, 36)).toBeUndefined()
  })

  it.each(['float16', 'float32'] as const)('reads any range of what the codec makes of %s', async (dtype) => {
    const { source, original } = open(dtype)
    for (const name of ['table', 'weight', 'inputs']) {
      const { byteLength } = source.tensors.get(name)!
      const raw = new Uint8Array(original.tensors.get(name)!.byteLength)
      await original.read(name, 0, raw)
      const expected = new Uint8Array(byteLength)
      const width = shapes[name]![1]!
      const quantize = forms.get(name) === 'q4g64' ? quantizeRows : quantizeColumns
      if (dtype === 'float16') quantize(dtype, new Uint16Array(raw.buffer), width, expected)
      else quantize(dtype, new Float32Array(raw.buffer), width, expected)
      await fc.assert(
        fc.asyncProperty(fc.nat(byteLength), fc.nat(byteLength), async (a, b) => {
          const [from, to] = a < b ? [a, b] : [b, a]
          const target = new Uint8Array(to - from)
          await source.read(name, from, target)
          expect(target).toEqual(expected.slice(from, to))
        }),
        { numRuns: 30 },
      )
    }
  })

  it('gives what repeats as it gives the same values that are read', async () => {
    const { source, original } = open('float16')
    const plain = compressSource(withRead(original, original.read), forms)
    for (const name of forms.keys()) expect(await readTensor(source, name)).toEqual(await readTensor(plain, name))
  })

  it('refuses what 4 bits cannot hold, other ranges and other names', async () => {
    const { original } = open('float32')
    const broken = withRead(
      original,
      async (_name, _offset, target) => void new Float32Array(target.buffer).fill(Number.NaN),
    )
    const source = compressSource(broken, forms)
    const reading = source.read('table', 0, new Uint8Array(36))
    await expect(reading).rejects.toMatchObject({ code: 'CORRUPT_DATA', message: expect.stringContaining('table') })
    expect(() => source.extents('table', 0, 1e9)).toThrow('table')
    expect(() => source.extents('nothing', 0, 1)).toThrow('nothing')
  })

  it('stops at the signal', async () => {
    const { source } = open('float16')
    const reading = source.read('weight', 0, new Uint8Array(36), AbortSignal.abort())
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' })
  })
})
