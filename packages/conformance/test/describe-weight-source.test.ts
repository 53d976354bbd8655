import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type FileHandle, type FileSystem, nodeFileSystem, type TensorInfo, type WeightSource } from '@flexgen/spec'
import { afterAll, describe, expect, it } from 'vitest'
import { describeWeightSource, type ExpectedTensor, randomBytes, turnLoop } from '../src/index.ts'
import { collect } from './support/collect.ts'
import { createToyOpener } from './support/toy-weight-source.ts'

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
const handles: FileHandle[] = []
afterAll(() => Promise.allSettled(handles.map((handle) => handle.close())))
/** The machine's, which closes in the end what broken sources leave open. */
const tidyFileSystem: FileSystem = {
  ...nodeFileSystem,
  open: async (name, mode) => {
    const handle = await nodeFileSystem.open(name, mode)
    handles.push(handle)
    return handle
  },
}

const openToySource = createToyOpener(file, { empty: 100, matrix: 100, vector: 901 }, expected, content.byteLength)

describeWeightSource('a toy source', () => openToySource(), { describe, it, expected, openOn: openToySource })

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

const faults = [
  ['trustsShortReads', 'short reads give the same bytes'],
  ['hidesErrors', 'a read that fails is an error of the project, and the next one works'],
  ['passesSystemErrors', 'a read that fails is an error of the project, and the next one works'],
  ['diesOfErrors', 'a read that fails is an error of the project, and the next one works'],
  ['trustsSizes', 'a file that is cut off is refused when it is opened'],
  ['leavesOpen', 'closes its files, also where it cannot be opened'],
  ['leavesOpenWhereItFails', 'closes its files, also where it cannot be opened'],
  ['writesLate', 'a read that is stopped half way writes nothing after it has settled'],
] as const

describe('describeWeightSource catches', () => {
  it('a defect with every test', () => {
    const tests = collect((kit) =>
      describeWeightSource('any', () => openToySource(), { ...kit, expected, openOn: openToySource }),
    )
    expect(new Set([...defects, ...faults].map(([, title]) => title))).toEqual(new Set(tests.keys()))
  })

  it.each(defects)('%s: %s', async (_defect, title, change) => {
    const create = async (): Promise<WeightSource> => {
      const source = await openToySource(tidyFileSystem)
      return { ...source, ...change(source) }
    }
    const tests = collect((kit) => describeWeightSource('broken', create, { ...kit, expected }))
    await expect(tests.get(title)!()).rejects.toThrow()
  })

  it.each(faults)('%s: %s', async (defect, title) => {
    const openOn = (fileSystem: FileSystem) => openToySource(fileSystem, { [defect]: true })
    const fileSystem = tidyFileSystem
    const tests = collect((kit) =>
      describeWeightSource('broken', () => openOn(fileSystem), { ...kit, expected, fileSystem, openOn }),
    )
    await expect(tests.get(title)!()).rejects.toThrow()
  })
})
