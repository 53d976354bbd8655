import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  AbortedError,
  CorruptDataError,
  InternalError,
  type TensorInfo,
  UsageError,
  type WeightSource,
} from '@flexgen/spec'
import { afterAll, describe, expect, it } from 'vitest'
import { describeWeightSource, type ExpectedTensor, randomBytes, turnLoop } from '../src/index.ts'
import { collect } from './support/collect.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-source-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = path.join(folder, 'weights.bin')
const content = randomBytes(1, 2000)
writeFileSync(file, content)

const expected: Record<string, ExpectedTensor> = {
  empty: { shape: [0, 4], dtype: 'float16', bytes: new Uint8Array(0) },
  matrix: { shape: [10, 20], dtype: 'float32', bytes: content.subarray(100, 900) },
  vector: { shape: [33], dtype: 'float16', bytes: content.subarray(901, 967) },
}
const starts: Record<string, number> = { empty: 100, matrix: 100, vector: 901 }

/** A source over one file of raw bytes. */
function createToySource(): WeightSource {
  const tensors = new Map(
    Object.entries(expected).map(([name, { shape, dtype, bytes }]): [string, TensorInfo] => [
      name,
      { name, shape, dtype, byteLength: bytes!.byteLength },
    ]),
  )
  let isOpen = true
  const check = (name: string, byteOffset: number, byteLength: number): number => {
    if (!isOpen) throw new UsageError('the source is closed')
    const tensor = tensors.get(name)
    if (tensor === undefined) throw new CorruptDataError(`there is no tensor ${name}`)
    if (byteOffset < 0 || byteOffset + byteLength > tensor.byteLength) throw new InternalError('outside the tensor')
    return starts[name]! + byteOffset
  }
  return {
    specificationVersion: 'v1',
    description: 'raw bytes',
    tensors,
    extents: (name, byteOffset, byteLength) => {
      const extent = { path: file, byteOffset: check(name, byteOffset, byteLength), byteLength }
      return byteLength === 0 ? [] : [extent]
    },
    async read(name, byteOffset, target, signal) {
      const from = check(name, byteOffset, target.byteLength)
      if (signal?.aborted === true) throw new AbortedError('stopped')
      target.set(content.subarray(from, from + target.byteLength))
    },
    async [Symbol.asyncDispose]() {
      isOpen = false
    },
  }
}

describeWeightSource('a toy source', async () => createToySource(), { describe, it, expected })

type Break = (source: WeightSource) => Partial<WeightSource>

const retyped =
  (change: (info: TensorInfo) => Partial<TensorInfo>): Break =>
  (source) => ({
    tensors: new Map([...source.tensors].map(([name, info]) => [name, { ...info, ...change(info) }])),
  })

const defects: readonly (readonly [defect: string, title: string, change: Break])[] = [
  [
    'a missing tensor',
    'has the expected tensors with sane shapes and sizes',
    (s) => ({ tensors: new Map([...s.tensors].slice(1)) }),
  ],
  [
    'a wrong size',
    'has the expected tensors with sane shapes and sizes',
    retyped((info) => ({ byteLength: info.byteLength - 2 })),
  ],
  ['a wrong dtype', 'has the expected tensors with sane shapes and sizes', retyped(() => ({ dtype: 'bfloat16' }))],
  [
    'wrong bytes',
    'reads whole tensors',
    (s) => ({
      read: async (name, at, target) => {
        await s.read(name, at, target)
        target[0]! ^= 1
      },
    }),
  ],
  [
    'an ignored offset',
    'reads any part of a tensor the same as the whole',
    (s) => ({ read: (name, _at, target) => s.read(name, 0, target) }),
  ],
  [
    'concurrent reads share a buffer',
    'serves many reads at once',
    (s) => {
      const shared = new Uint8Array(1000)
      return {
        read: async (name, at, target) => {
          const part = shared.subarray(0, target.byteLength)
          await s.read(name, at, part)
          await turnLoop(1)
          target.set(part)
        },
      }
    },
  ],
  [
    'extents of no bytes',
    'gives extents that cover exactly the range asked for, with the bytes that read gives',
    (s) => ({
      extents: (name, at, length) =>
        length === 0 ? [{ path: file, byteOffset: 0, byteLength: 0 }] : s.extents(name, at, length),
    }),
  ],
  [
    'extents of the whole tensor',
    'gives extents that cover exactly the range asked for, with the bytes that read gives',
    (s) => ({ extents: (name) => s.extents(name, 0, s.tensors.get(name)!.byteLength) }),
  ],
  [
    'extents of the wrong place',
    'gives extents that cover exactly the range asked for, with the bytes that read gives',
    (s) => ({
      extents: (name, at, length) =>
        s.extents(name, at, length)!.map((extent) => ({ ...extent, byteOffset: extent.byteOffset - 1 })),
    }),
  ],
  [
    'unknown names',
    'refuses names that it does not have and ranges outside a tensor',
    (s) => ({ extents: (name, at, length) => (s.tensors.has(name) ? s.extents(name, at, length) : []) }),
  ],
  [
    'ranges outside',
    'refuses names that it does not have and ranges outside a tensor',
    (s) => ({
      read: async (name, at, target) => {
        if (!s.tensors.has(name)) await s.read(name, at, target)
      },
    }),
  ],
  [
    'deaf to signals',
    'stops when the signal says so',
    (s) => ({ read: (name, at, target) => s.read(name, at, target) }),
  ],
  ['open for ever', 'dispose closes it and may be called twice', () => ({ [Symbol.asyncDispose]: async () => {} })],
]

describe('describeWeightSource catches', () => {
  it('a defect with every test', () => {
    const tests = collect((kit) => describeWeightSource('any', async () => createToySource(), { ...kit, expected }))
    expect(new Set(defects.map(([, title]) => title))).toEqual(new Set(tests.keys()))
  })

  it.each(defects)('%s: %s', async (_defect, title, change) => {
    const create = async (): Promise<WeightSource> => {
      const source = createToySource()
      return { ...source, ...change(source) }
    }
    const tests = collect((kit) => describeWeightSource('broken', create, { ...kit, expected }))
    await expect(tests.get(title)!()).rejects.toThrow()
  })
})
