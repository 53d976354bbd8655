import { elementCount, widenBfloat16, widenFloat16 } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectCode } from '../../test/support/expect-code.ts'
import { readTensor } from '../../test/support/read-all.ts'
import { createDummySource } from './create-dummy-source.ts'
import type { DummyDType } from './encode-value.ts'

const tensors = [
  { name: 'decoder.embed_tokens.weight', shape: [300, 64] },
  { name: 'lm_head.weight', shape: [300, 64] },
  { name: 'decoder.layer_norm.weight', shape: [6400] },
  { name: 'decoder.layer_norm.bias', shape: [6400] },
]

function widen(dtype: DummyDType, bytes: Uint8Array): Float32Array {
  if (dtype === 'float32') return new Float32Array(bytes.buffer)
  const bits = new Uint16Array(bytes.buffer)
  const values = new Float32Array(bits.length)
  if (dtype === 'float16') widenFloat16(bits, values)
  else widenBfloat16(bits, values)
  return values
}

function moments(values: Float32Array): { mean: number; deviation: number; largest: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return { mean, deviation: Math.sqrt(variance), largest: Math.max(...values.map(Math.abs)) }
}

describe('createDummySource', () => {
  it.each<DummyDType>(['float16', 'float32', 'bfloat16'])('makes small normal values in %s', async (dtype) => {
    await using source = createDummySource({ tensors, dtype, seed: 3 })
    for (const { name, shape } of tensors) {
      const values = widen(dtype, await readTensor(source, name))
      expect(values).toHaveLength(elementCount(shape))
      const { mean, deviation, largest } = moments(values)
      const center = name === 'decoder.layer_norm.weight' ? 1 : 0
      expect(mean).toBeGreaterThan(center - 0.002)
      expect(mean).toBeLessThan(center + 0.002)
      expect(deviation).toBeGreaterThan(0.019)
      expect(deviation).toBeLessThan(0.021)
      expect(largest).toBeLessThan(center + 0.11)
    }
  })

  it('gives the same bytes in whatever pieces they are read, also across the end of the tile', async () => {
    const shape = [90, 100]
    // The tile is smaller than the tensor and repeats in it.
    const options = { tensors: [{ name: 'w', shape }], dtype: 'float16', tileBytes: 8192 } as const
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(17999), fc.nat(17999), async (seed, one, other) => {
        await using source = createDummySource({ ...options, seed })
        const whole = await readTensor(source, 'w')
        const [from, to] = [Math.min(one, other), Math.max(one, other)]
        const part = new Uint8Array(to - from)
        await createDummySource({ ...options, seed }).read('w', from, part)
        expect(part).toEqual(whole.subarray(from, to))
      }),
      { numRuns: 30 },
    )
  })

  it('makes tensors that differ from each other and from those of another seed', async () => {
    await using source = createDummySource({ tensors, dtype: 'float16', seed: 3 })
    await using other = createDummySource({ tensors, dtype: 'float16', seed: 4 })
    const head = await readTensor(source, 'lm_head.weight')
    expect(Buffer.compare(head, await readTensor(source, 'decoder.embed_tokens.weight'))).not.toBe(0)
    expect(Buffer.compare(head, await readTensor(other, 'lm_head.weight'))).not.toBe(0)
  })

  it('has no equal rows in a table that is larger than the tile', async () => {
    // With a tile of 65,536 bytes exactly, every 128th row would be the same and tokens would tie.
    const options = { tensors: [{ name: 'w', shape: [1000, 256] }], dtype: 'float16', tileBytes: 65536 } as const
    await using source = createDummySource({ ...options, seed: 1 })
    const bytes = await readTensor(source, 'w')
    const rows = Array.from({ length: 1000 }, (_, i) =>
      Buffer.from(bytes.subarray(i * 512, i * 512 + 512)).toString('latin1'),
    )
    expect(new Set(rows).size).toBe(1000)
  })

  it('holds no more than the largest tensor needs, and 1 MiB at most', () => {
    const sizeFor = (shape: number[]): number =>
      createDummySource({ tensors: [{ name: 'w', shape }], dtype: 'float16', seed: 1 }).tileBytes
    expect(sizeFor([8])).toBeLessThan(10_000)
    expect(sizeFor([100, 1000])).toBeLessThan(200_100)
    expect(sizeFor([50272, 12288])).toBeGreaterThanOrEqual(2 ** 20)
    expect(sizeFor([50272, 12288])).toBeLessThan(2 ** 20 + 100)
  })

  it('has no extents, and refuses impossible tensors', async () => {
    await using source = createDummySource({ tensors, dtype: 'float16', seed: 3 })
    expect(source.extents('lm_head.weight', 0, 2)).toBeUndefined()
    const make = async (...shapes: number[][]): Promise<unknown> =>
      createDummySource({ tensors: shapes.map((shape) => ({ name: 'w', shape })), dtype: 'float16', seed: 1 })
    await expectCode(make([1], [1]), 'USAGE', /'w' is given twice/)
    for (const shape of [[-1], [0.5], [2 ** 40, 2 ** 40], [Number.NaN]])
      await expectCode(make(shape), 'USAGE', /impossible shape/)
  })

  it('stops when the signal says so and refuses to read after dispose', async () => {
    const source = createDummySource({ tensors, dtype: 'float16', seed: 3 })
    const target = new Uint8Array(4)
    await expectCode(source.read('lm_head.weight', 0, target, AbortSignal.abort()), 'ABORTED', /stopped/)
    await source[Symbol.asyncDispose]()
    await expectCode(source.read('lm_head.weight', 0, target), 'INTERNAL', /closed/)
  })
})
