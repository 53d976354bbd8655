import { memoryFileSystem } from '@flexgen/opt-fixtures'
import { describe, expect, it } from 'vitest'
import { pattern } from '../../test/support/bytes.ts'
import { expectCode } from '../../test/support/expect-code.ts'
import { readTensor } from '../../test/support/read-all.ts'
import { rawSafetensors } from '../../test/support/write-safetensors.ts'
import { openSafetensors } from '../safetensors/open-safetensors.ts'
import type { CheckpointSource } from '../source/checkpoint-source.ts'
import { groupBytesShape } from './group-metadata.ts'

/** A file with `w`, two rows of two groups, and `v`, a matrix of three columns of one group, described by a table. */
function open(table: unknown, metadata: Record<string, string> = {}, header = {}): Promise<CheckpointSource> {
  const text = {
    __metadata__: { 'flexgen.version': '1', 'flexgen.tensors': table, ...metadata },
    w: { dtype: 'U8', shape: [2, 2, 36], data_offsets: [0, 144] },
    v: { dtype: 'U8', shape: [1, 3, 36], data_offsets: [144, 252] },
    ...header,
  }
  const fileSystem = memoryFileSystem({ '/m/model.safetensors': rawSafetensors(text, pattern(252)) })
  return openSafetensors('/m', { fileSystem })
}

const w = { dtype: 'q4g64', shape: [2, 80] }
const v = { dtype: 'q4g64c', shape: [50, 3] }
const good = JSON.stringify({ w, v })

describe('4-bit tensors of a safetensors file', () => {
  it('are matrices of the dtype and shape that the metadata gives', async () => {
    await using source = await open(good)
    expect([...source.tensors.values()]).toEqual([
      { name: 'w', ...w, byteLength: 144 },
      { name: 'v', ...v, byteLength: 108 },
    ])
    expect(await readTensor(source, 'v')).toEqual(pattern(252).subarray(144))
    expect(source.extents('v', 36, 72)![0]).toMatchObject({ byteLength: 72 })
    expect(source.skipped.size).toBe(0)
  })

  it('are bytes like any others where the metadata is not ours', async () => {
    await using source = await open('x', { 'flexgen.tensors': 'y' }, { __metadata__: { format: 'pt' } })
    expect([...source.tensors]).toEqual([])
    expect([...source.skipped]).toEqual([
      ['w', 'its element type is U8'],
      ['v', 'its element type is U8'],
    ])
  })

  it.each([['2'], [''], ['1.0'], ['x'.repeat(1000)]])('of version %j are refused as unknown', async (version) => {
    await expectCode(open(good, { 'flexgen.version': version }), 'UNSUPPORTED_DATA', /reads version 1/)
  })

  it.each<[problem: string, table: string, message: RegExp]>([
    ['no JSON', '{', /flexgen\.tensors/],
    ['a list', '[]', /not an object/],
    ['an unknown dtype', JSON.stringify({ w: { ...w, dtype: 'q8' } }), /none of the dtypes/],
    ['a dtype of Object.prototype', JSON.stringify({ w: { ...w, dtype: 'toString' } }), /none of the dtypes/],
    ['a tensor that is a text', '{"w":"q4g64"}', /none of the dtypes/],
    ['no shape', '{"w":{"dtype":"q4g64"}}', /none of a matrix/],
    ['a vector', JSON.stringify({ w: { ...w, shape: [160] } }), /none of a matrix/],
    ['a negative size', JSON.stringify({ w: { ...w, shape: [-2, 80] } }), /none of a matrix/],
    ['no rows', JSON.stringify({ w: { ...w, shape: [0, 80] } }), /none of a matrix/],
    ['a huge shape', JSON.stringify({ w: { ...w, shape: [2 ** 50, 2 ** 50] } }), /none of a matrix/],
    ['rows that are not there', JSON.stringify({ w: { ...w, shape: [3, 80] } }), /lies in U8 \[3, 2, 36\]/],
    ['a width of fewer groups', JSON.stringify({ w: { ...w, shape: [2, 64] } }), /lies in U8 \[2, 1, 36\]/],
    ['the other form', JSON.stringify({ w: { ...w, dtype: 'q4g64c' } }), /lies in U8 \[1, 80, 36\]/],
    ['a tensor that is not there', JSON.stringify({ w, u: v }), /no tensor 'u'/],
    ['a name twice', '{"w":1,"w":1}', /occurs twice/],
    ['nesting', '{"w":{"shape":[[2]]}}', /nesting/],
  ])('with a table that has %s are refused', async (_, table, message) => {
    await expectCode(open(table), 'CORRUPT_DATA', message)
  })

  it('must be bytes in the file', async () => {
    const header = { w: { dtype: 'F16', shape: [2, 36], data_offsets: [0, 144] } }
    await expectCode(open(good, {}, header), 'CORRUPT_DATA', /'w' is F16 \[2, 36\]/)
  })

  it('take 36 bytes a group, the last one padded', () => {
    expect(groupBytesShape({ dtype: 'q4g64', shape: [5, 65] })).toEqual([5, 2, 36])
    expect(groupBytesShape({ dtype: 'q4g64c', shape: [65, 5] })).toEqual([2, 5, 36])
  })
})
