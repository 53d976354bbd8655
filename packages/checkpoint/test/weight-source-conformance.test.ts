import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWeightSource, type ExpectedTensor, type WeightSourceKit } from '@flexgen/conformance'
import type { DType, WeightSource } from '@flexgen/spec'
import { afterAll, describe, it } from 'vitest'
import {
  type CheckpointOptions,
  createDummySource,
  openCheckpoint,
  openNumpyFolder,
  openPytorch,
  openSafetensors,
} from '../src/index.ts'
import { pattern, utf8 } from './support/bytes.ts'
import { writeNpy } from './support/write-npy.ts'
import { writeSafetensors } from './support/write-safetensors.ts'

const folder = mkdtempSync(join(tmpdir(), 'flexgen-checkpoint-'))
afterAll(() => rmSync(folder, { recursive: true }))

const a: ExpectedTensor = { shape: [300, 70], dtype: 'float16', bytes: pattern(42000) }
const b: ExpectedTensor = { shape: [5], dtype: 'float32', bytes: pattern(20, 9) }
const c: ExpectedTensor = { shape: [3, 1], dtype: 'bfloat16', bytes: pattern(6, 3) }

const shardA = writeSafetensors([{ name: 'a', dtype: 'F16', shape: a.shape, bytes: a.bytes! }])
const shardBc = writeSafetensors([
  { name: 'b', dtype: 'F32', shape: b.shape, bytes: b.bytes! },
  { name: 'c', dtype: 'BF16', shape: c.shape, bytes: c.bytes! },
])
writeFileSync(join(folder, 'one.safetensors'), shardA)
writeFileSync(join(folder, 'two.safetensors'), shardBc)
const weightMap = { a: 'one.safetensors', b: 'two.safetensors', c: 'two.safetensors' }
writeFileSync(join(folder, 'model.safetensors.index.json'), utf8(JSON.stringify({ weight_map: weightMap })))
writeFileSync(join(folder, 'a.weight'), writeNpy('<f2', a.shape, a.bytes!))
writeFileSync(join(folder, 'b.bias.npy'), writeNpy('<f4', b.shape, b.bytes!))
const columns = writeNpy('<f2', [2, 2], Uint8Array.of(1, 1, 3, 3, 2, 2, 4, 4), { fortranOrder: true })
writeFileSync(join(folder, 'f.weight'), columns)
const f: ExpectedTensor = { shape: [2, 2], dtype: 'float16', bytes: Uint8Array.of(1, 1, 2, 2, 3, 3, 4, 4) }

function torchExpected(name: string): Map<string, ExpectedTensor> {
  const text = readFileSync(join(import.meta.dirname, 'fixtures', `${name}.json`), 'utf8')
  const table = JSON.parse(text) as Record<string, { dtype: DType; shape: number[]; base64: string }>
  return new Map(
    Object.entries(table).map(([key, { dtype, shape, base64 }]) => [
      key,
      { dtype, shape, bytes: Buffer.from(base64, 'base64') },
    ]),
  )
}

type Open = (options?: CheckpointOptions) => Promise<WeightSource>

const kit = { describe, it }
const openers: readonly (readonly [name: string, open: Open, expected: WeightSourceKit['expected']])[] = [
  ['openSafetensors', (options) => openSafetensors(join(folder, 'two.safetensors'), options), { b, c }],
  ['openCheckpoint', (options) => openCheckpoint(folder, options), { a, b, c }],
  ['openNumpyFolder', (options) => openNumpyFolder(folder, options), { 'a.weight': a, 'b.bias': b, 'f.weight': f }],
  [
    'openPytorch',
    (options) => openPytorch(join(import.meta.dirname, 'fixtures', 'views.bin'), options),
    torchExpected('views'),
  ],
]
for (const [name, open, expected] of openers)
  describeWeightSource(name, () => open(), { ...kit, expected, openOn: (fileSystem) => open({ fileSystem }) })
const dummies = {
  'decoder.fc1.weight': { shape: [700, 1000], dtype: 'float16' },
  'decoder.layer_norm.weight': { shape: [1000], dtype: 'float16' },
} as const
const dummyTensors = Object.entries(dummies).map(([name, { shape }]) => ({ name, shape }))
describeWeightSource(
  'createDummySource',
  async () => createDummySource({ tensors: dummyTensors, dtype: 'float16', seed: 5, tileBytes: 65536 }),
  { ...kit, expected: dummies },
)
