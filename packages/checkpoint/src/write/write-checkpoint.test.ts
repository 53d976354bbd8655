import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFaultyFileSystem, describeWeightSource, type Fault } from '@flexgen/conformance'
import { type GroupDType, nodeFileSystem, type WeightSource } from '@flexgen/spec'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expectCode } from '../../test/support/expect-code.ts'
import { readTensor } from '../../test/support/read-all.ts'
import { withRead } from '../../test/support/with-read.ts'
import { compressSource } from '../compressed/compress-source.ts'
import { createDummySource } from '../dummy/create-dummy-source.ts'
import { openCheckpoint } from '../open-checkpoint.ts'
import { planCheckpoint } from './plan-checkpoint.ts'
import { writeCheckpoint, type WriteCheckpointOptions } from './write-checkpoint.ts'

let folder = ''
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'flexgen-write-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const shapes: Readonly<Record<string, readonly number[]>> = {
  table: [700, 80],
  norm: [96],
  weight: [130, 9000],
  more: [3, 2],
  bias: [33],
}
const forms = new Map<string, GroupDType>([
  ['table', 'q4g64'],
  ['weight', 'q4g64c'],
])

function openSource(dtype: 'float16' | 'float32' | 'bfloat16' = 'float16'): WeightSource {
  const tensors = Object.entries(shapes).map(([name, shape]) => ({ name, shape }))
  return compressSource(createDummySource({ tensors, dtype, seed: 3, tileBytes: 4096 }), forms)
}

function write(source: WeightSource, shardBytes?: number, options: WriteCheckpointOptions = {}): Promise<void> {
  return writeCheckpoint(source, planCheckpoint(source, Object.keys(shapes), shardBytes), folder, options)
}

describe('a checkpoint that was written', () => {
  it.each([
    ['one file', undefined, ['model.safetensors']],
    [
      'several files, with an index',
      60_000,
      [
        'model-00001-of-00003.safetensors',
        'model-00002-of-00003.safetensors',
        'model-00003-of-00003.safetensors',
        'model.safetensors.index.json',
      ],
    ],
  ])('has, in %s, the tensors of its source to the byte', async (_, shardBytes, files) => {
    for (const dtype of ['float16', 'float32', 'bfloat16'] as const) {
      const source = openSource(dtype)
      await write(source, shardBytes)
      expect(readdirSync(folder).toSorted()).toEqual(files)
      await using opened = await openCheckpoint(folder)
      expect([...opened.tensors]).toEqual([...source.tensors])
      for (const name of source.tensors.keys()) {
        expect(Buffer.compare(await readTensor(opened, name), await readTensor(source, name))).toBe(0)
        expect(opened.extents(name, 0, 4)).toHaveLength(1)
      }
      rmSync(folder, { recursive: true })
      folder = mkdtempSync(join(tmpdir(), 'flexgen-write-'))
    }
  })

  it('has the size that was planned, and says so as it is written', async () => {
    const source = openSource()
    const plan = planCheckpoint(source, Object.keys(shapes))
    const steps: number[] = []
    await writeCheckpoint(source, plan, folder, { onProgress: (doneBytes) => steps.push(doneBytes) })
    expect(readFileSync(join(folder, 'model.safetensors')).byteLength).toBe(plan.sizeBytes)
    expect(steps.at(-1)).toBe(plan.sizeBytes)
    expect(steps).toEqual(steps.toSorted((a, b) => a - b))
  })

  it('compresses no row twice, and reads a bounded piece at a time', async () => {
    const tensors = [{ name: 'weight', shape: shapes['weight']! }]
    const original = createDummySource({ tensors, dtype: 'float16', seed: 3 })
    const reads: number[] = []
    const counted = withRead(original, (name, offset, target) => {
      reads.push(target.byteLength)
      return original.read(name, offset, target)
    })
    const source = compressSource(counted, forms)
    await writeCheckpoint(source, planCheckpoint(source, ['weight']), folder)
    expect(reads.reduce((sum, bytes) => sum + bytes, 0)).toBe(130 * 9000 * 2)
    expect(Math.max(...reads)).toBeLessThanOrEqual(4 * 2 ** 20)
  })

  it('goes on after short writes, and reads while it writes', async () => {
    const faults: Fault[] = [{ on: 'write', effect: { kind: 'short', sizeBytes: 50_001 } }]
    const source = openSource()
    await write(source, undefined, { fileSystem: createFaultyFileSystem(nodeFileSystem, { faults }) })
    await using opened = await openCheckpoint(folder)
    expect(Buffer.compare(await readTensor(opened, 'weight'), await readTensor(source, 'weight'))).toBe(0)
  })
})

describe('writing that fails', () => {
  const sideFaults: readonly [what: string, fault: Fault, code: 'OUT_OF_DISK' | 'NOT_WRITABLE'][] = [
    ['a full disk', { on: 'write', nth: 2, effect: { kind: 'torn', sizeBytes: 3, code: 'ENOSPC' } }, 'OUT_OF_DISK'],
    ['a disk full at last', { on: 'sync', effect: { kind: 'error', code: 'ENOSPC' } }, 'OUT_OF_DISK'],
    ['a full disk at the end', { on: 'close', effect: { kind: 'error', code: 'EDQUOT' } }, 'OUT_OF_DISK'],
    ['a folder that cannot be written', { on: 'open', effect: { kind: 'error', code: 'EACCES' } }, 'NOT_WRITABLE'],
  ]
  it.each(sideFaults)('for %s says so and leaves no file open', async (_, fault, code) => {
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: [fault] })
    await expectCode(write(openSource(), 60_000, { fileSystem }), code, /cannot write/)
    expect(fileSystem.openCount()).toBe(0)
  })

  it('for a source that fails or is stopped leaves no file open', async () => {
    const fileSystem = createFaultyFileSystem(nodeFileSystem, {})
    const source = openSource()
    const broken = compressSource(
      {
        ...source,
        tensors: createDummySource({ tensors: [{ name: 'table', shape: [2, 2] }], dtype: 'float32', seed: 1 }).tensors,
        read: async (_name, _offset, target) => void new Float32Array(target.buffer).fill(Number.NaN),
      },
      forms,
    )
    const writing = writeCheckpoint(broken, planCheckpoint(broken, ['table']), folder, { fileSystem })
    await expectCode(writing, 'CORRUPT_DATA', /'table' has values that 4 bits cannot hold/)
    rmSync(join(folder, 'model.safetensors'))
    await expectCode(write(source, undefined, { fileSystem, signal: AbortSignal.abort() }), 'ABORTED', /stopped/)
    expect(fileSystem.openCount()).toBe(0)
  })

  it('never overwrites a file', async () => {
    await write(openSource())
    await expectCode(write(openSource()), 'NOT_WRITABLE', /EEXIST/)
  })

  it('for a tensor that the source does not have', () => {
    expect(() => planCheckpoint(openSource(), ['none'])).toThrow("no tensor 'none'")
  })

  it('half way is noticed when it is opened', async () => {
    await write(openSource())
    const file = join(folder, 'model.safetensors')
    const whole = readFileSync(file).byteLength
    for (const bytes of [0, 7, 100, whole - 1]) {
      truncateSync(file, bytes)
      await expectCode(openCheckpoint(folder), 'CORRUPT_DATA', /safetensors/)
      rmSync(file)
      await write(openSource())
    }
  })
})

describeWeightSource(
  'a checkpoint with 4-bit tensors',
  async () => {
    const place = mkdtempSync(join(tmpdir(), 'flexgen-write-'))
    const source = openSource()
    await writeCheckpoint(source, planCheckpoint(source, Object.keys(shapes), 60_000), place)
    const opened = await openCheckpoint(place)
    const dispose = async (): Promise<void> => {
      await opened[Symbol.asyncDispose]()
      rmSync(place, { recursive: true, force: true })
    }
    return { ...opened, [Symbol.asyncDispose]: dispose }
  },
  {
    describe,
    it,
    expected: {
      table: { shape: [700, 80], dtype: 'q4g64' },
      weight: { shape: [130, 9000], dtype: 'q4g64c' },
      bias: { shape: [33], dtype: 'float16' },
      norm: { shape: [96], dtype: 'float16' },
      more: { shape: [3, 2], dtype: 'float16' },
    },
  },
)
