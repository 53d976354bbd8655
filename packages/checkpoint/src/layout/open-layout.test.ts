import { memoryFileSystem } from '@flexgen/opt-fixtures'
import { describe, expect, it } from 'vitest'
import { pattern, utf8 } from '../../test/support/bytes.ts'
import { expectCode } from '../../test/support/expect-code.ts'
import { readTensor } from '../../test/support/read-all.ts'
import { smallSafetensors, writeSafetensors } from '../../test/support/write-safetensors.ts'
import { openSafetensors } from '../safetensors/open-safetensors.ts'
import type { CheckpointSource } from '../source/checkpoint-source.ts'

const second = writeSafetensors([
  { name: 'c', dtype: 'F16', shape: [2], bytes: pattern(4, 7) },
  { name: 'extra', dtype: 'F16', shape: [1], bytes: pattern(2) },
])

function openIndex(index: unknown, files: Record<string, Uint8Array> = {}): Promise<CheckpointSource> {
  const text = typeof index === 'string' ? index : JSON.stringify(index)
  const fileSystem = memoryFileSystem({
    '/m/model.safetensors.index.json': utf8(text),
    '/m/one.safetensors': smallSafetensors(),
    '/m/two.safetensors': second,
    ...files,
  })
  return openSafetensors('/m', { fileSystem })
}

describe('a sharded checkpoint', () => {
  it('has the tensors that the index names, each from its shard', async () => {
    await using source = await openIndex({
      metadata: { total_size: 1 },
      weight_map: { a: 'one.safetensors', c: 'two.safetensors', ids: 'one.safetensors' },
    })
    expect([...source.tensors.keys()]).toEqual(['a', 'c'])
    expect(await readTensor(source, 'c')).toEqual(pattern(4, 7))
    expect(source.extents('c', 0, 4)![0]!.path).toBe('/m/two.safetensors')
  })

  it('says which tensors are no weights, and which ones the index leaves out', async () => {
    await using source = await openIndex({
      weight_map: { a: 'one.safetensors', c: 'two.safetensors', ids: 'one.safetensors' },
    })
    expect([...source.skipped]).toEqual([['ids', 'its element type is I64']])
    expect(source.notices).toEqual(["the shards have tensors that the index does not take from there: 'b', 'extra'"])
    await using whole = await openIndex({ weight_map: { c: 'two.safetensors', extra: 'two.safetensors' } })
    expect(whole.notices).toEqual([])
  })

  it('takes the index before a single file beside it', async () => {
    const files = { '/m/model.safetensors': smallSafetensors() }
    await using source = await openIndex({ weight_map: { c: 'two.safetensors' } }, files)
    expect([...source.tensors.keys()]).toEqual(['c'])
  })

  it('names tensor and shard where a tensor is not in its shard', async () => {
    const opening = openIndex({ weight_map: { a: 'one.safetensors', b: 'two.safetensors' } })
    await expectCode(opening, 'CORRUPT_DATA', /'b' is in \/m\/two\.safetensors, but it is not there/)
  })

  it('names a shard that is missing', async () => {
    await expectCode(openIndex({ weight_map: { a: 'three.safetensors' } }), 'FILE_NOT_FOUND', /m\/three\.safetensors/)
  })

  it.each(['../one.safetensors', '/m/one.safetensors', 'a/b', 'a\\b', '..', '.', '', 'c:one', 'a\u0000b', 7, null, {}])(
    'refuses %j as the name of a shard',
    async (name) => {
      await expectCode(openIndex({ weight_map: { a: name } }), 'CORRUPT_DATA', /not a plain file name/)
    },
  )

  it.each(['{}', '[]', '{"weight_map":{}}', '{"weight_map":[]}', '{"weight_map":{"a":"x","a":"y"}}', '{', ''])(
    'refuses the index %j',
    async (text) => {
      await expectCode(openIndex(text), 'CORRUPT_DATA', /m\/model\.safetensors\.index\.json/)
    },
  )

  it('refuses an index that is huge, before it is read', async () => {
    const fileSystem = memoryFileSystem({ '/m/model.safetensors.index.json': new Uint8Array(2 ** 25 + 1) })
    await expectCode(openSafetensors('/m', { fileSystem }), 'CORRUPT_DATA', /33554433 bytes; .* at most 33554432/)
  })

  it('keeps __proto__ a name', async () => {
    const opening = openIndex('{"weight_map":{"__proto__":"one.safetensors"}}')
    await expectCode(opening, 'CORRUPT_DATA', /'__proto__' is in/)
  })
})

describe('the place of a checkpoint', () => {
  it('may be a file of any name', async () => {
    const fileSystem = memoryFileSystem({ '/m/other.st': smallSafetensors() })
    await using source = await openSafetensors('/m/other.st', { fileSystem })
    expect(source.tensors.size).toBe(2)
  })

  it('is named where nothing is there', async () => {
    const fileSystem = memoryFileSystem({ '/m/config.json': utf8('{}') })
    await expectCode(openSafetensors('/n', { fileSystem }), 'MODEL_NOT_FOUND', /nothing at \/n/)
    await expectCode(openSafetensors('/m', { fileSystem }), 'MODEL_NOT_FOUND', /neither model.safetensors.index.json/)
  })
})
