import assert from 'node:assert/strict'
import { dtypes, nodeFileSystem, tensorBytes, type TensorInfo, type WeightSource } from '@flexgen/spec'
import { assertBytes } from '../kit/assert-bytes.ts'
import { createRandom, type Random } from '../kit/random.ts'
import { assertFlexgenError, assertRefused, assertRefusedAtOnce } from '../kit/refusal.ts'
import { faultsSuite } from './faults-suite.ts'
import { readExtents } from './read-extents.ts'
import type { ExpectedTensor, WeightSourceKit } from './weight-source-kit.ts'

/** Ranges that are compared are at most this long, so that a large source is checked in seconds. */
const maxRangeBytes = 1 << 20

/**
 * The conformance suite of weight sources: the table of tensors, any byte range by `read` and by extents, refusals,
 * abort and dispose, and faults of the file system.
 *
 * @param create opens the source; called once a test
 */
export function describeWeightSource(name: string, create: () => Promise<WeightSource>, kit: WeightSourceKit): void {
  const expected = new Map<string, ExpectedTensor>(
    kit.expected instanceof Map ? kit.expected : Object.entries(kit.expected),
  )
  const fileSystem = kit.fileSystem ?? nodeFileSystem
  const seed = kit.seed ?? 1
  const test = (title: string, body: (source: WeightSource) => Promise<void>): void =>
    void kit.it(title, async () => {
      await using source = await create()
      await body(source)
    })

  kit.describe(`${name} is a weight source`, () => {
    test('has the expected tensors with sane shapes and sizes', async (source) => {
      assert.deepEqual(new Set(source.tensors.keys()), new Set(expected.keys()))
      assert.ok(source.description.length > 0)
      for (const [key, tensor] of source.tensors) checkTensor(key, tensor, expected.get(key)!)
    })

    test('reads whole tensors', async (source) => {
      for (const [key, tensor] of source.tensors) {
        const bytes = await read(source, key, 0, Math.min(tensor.byteLength, maxRangeBytes))
        const wanted = expected.get(key)?.bytes
        if (wanted === undefined) continue
        assert.equal(wanted.byteLength, tensor.byteLength, `${key}: size`)
        assertBytes(bytes, wanted.subarray(0, bytes.byteLength), key)
      }
    })

    test('reads any part of a tensor the same as the whole', async (source) => {
      const random = createRandom(seed)
      for (const [key, tensor] of source.tensors) {
        const whole = await read(source, key, 0, Math.min(tensor.byteLength, maxRangeBytes))
        for (let i = 0; i < 4; i++) {
          const [from, length] = range(random, whole.byteLength)
          const part = await read(source, key, from, length)
          assertBytes(part, whole.subarray(from, from + length), `${key}: ${length} bytes from ${from}`)
        }
        if (tensor.byteLength === 0) continue
        const tail = await read(source, key, tensor.byteLength - 1, 1)
        if (tensor.byteLength <= maxRangeBytes) assert.equal(tail[0], whole.at(-1))
      }
    })

    test('gives extents that cover exactly the range asked for, with the bytes that read gives', async (source) => {
      const random = createRandom(seed + 1)
      for (const [key, tensor] of source.tensors) {
        for (let i = 0; i < 4; i++) {
          const [from, length] = i === 0 ? ([0, tensor.byteLength] as const) : range(random, tensor.byteLength)
          const extents = source.extents(key, from, length)
          if (extents === undefined) continue
          const covered = extents.reduce((sum, extent) => sum + extent.byteLength, 0)
          assert.equal(covered, length, `${key}: extents of ${length} bytes from ${from}`)
          for (const extent of extents)
            assert.ok(extent.byteLength > 0 && extent.byteOffset >= 0, `${key}: empty extent`)
          if (length > maxRangeBytes) continue
          const bytes = await readExtents(fileSystem, extents)
          assertBytes(bytes, await read(source, key, from, length), `${key}: extents and read`)
        }
      }
    })

    test('serves many reads at once', async (source) => {
      const random = createRandom(seed + 2)
      const keys = [...source.tensors.keys()]
      const reads = Array.from({ length: 24 }, async () => {
        const key = random.pick(keys)
        const [from, length] = range(random, Math.min(source.tensors.get(key)!.byteLength, maxRangeBytes))
        return { key, from, bytes: await read(source, key, from, length) }
      })
      for (const { key, from, bytes } of await Promise.all(reads)) {
        const again = await read(source, key, from, bytes.byteLength)
        assertBytes(bytes, again, `${key}: concurrent reads`)
      }
    })

    test('refuses names that it does not have and ranges outside a tensor', async (source) => {
      const target = new Uint8Array(4)
      assertRefusedAtOnce('an unknown name', () => source.extents('no such tensor', 0, 4), ['CORRUPT_DATA'])
      await assertRefused('an unknown name', () => source.read('no such tensor', 0, target), ['CORRUPT_DATA'])
      const [key, { byteLength }] = [...source.tensors][0]!
      for (const [from, length] of [
        [-1, 2],
        [0, byteLength + 1],
        [byteLength, 1],
        [byteLength - 1, 2],
      ] as const) {
        assertRefusedAtOnce(`extents ${from}+${length}`, () => source.extents(key, from, length), ['INTERNAL'])
        await assertRefused(`read ${from}+${length}`, () => source.read(key, from, new Uint8Array(length)), [
          'INTERNAL',
        ])
      }
    })

    test('stops when the signal says so', async (source) => {
      const { name: key, byteLength } = firstFilled(source)
      const target = new Uint8Array(Math.min(byteLength, maxRangeBytes))
      await assertRefused('a read that is stopped', () => source.read(key, 0, target, AbortSignal.abort()), ['ABORTED'])
    })

    test('dispose closes it and may be called twice', async (source) => {
      const { name: key } = firstFilled(source)
      await source[Symbol.asyncDispose]()
      await source[Symbol.asyncDispose]()
      await assert.rejects(source.read(key, 0, new Uint8Array(1)), (error) => {
        assertFlexgenError(error)
        return true
      })
    })

    if (kit.openOn !== undefined) faultsSuite(kit, fileSystem, kit.openOn)
  })
}

function checkTensor(key: string, tensor: TensorInfo, expected: ExpectedTensor): void {
  assert.equal(tensor.name, key)
  assert.ok(
    tensor.shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0),
    `${key}: shape`,
  )
  assert.ok(dtypes.includes(tensor.dtype), `${key}: dtype ${tensor.dtype}`)
  assert.equal(tensor.byteLength, tensorBytes(tensor.dtype, tensor.shape), `${key}: bytes`)
  assert.deepEqual([...tensor.shape], [...expected.shape], `${key}: shape`)
  assert.equal(tensor.dtype, expected.dtype, `${key}: dtype`)
}

/** The first tensor that has bytes: reading none may do nothing at all. */
function firstFilled(source: WeightSource): TensorInfo {
  const tensor = [...source.tensors.values()].find(({ byteLength }) => byteLength > 0)
  assert.ok(tensor !== undefined, 'all tensors of the source are empty')
  return tensor
}

function range(random: Random, byteLength: number): readonly [from: number, length: number] {
  if (byteLength === 0) return [0, 0]
  const from = random.integer(0, byteLength - 1)
  return [from, random.integer(1, Math.min(byteLength - from, maxRangeBytes))]
}

async function read(source: WeightSource, name: string, from: number, length: number): Promise<Uint8Array> {
  const target = new Uint8Array(length)
  await source.read(name, from, target)
  return target
}
