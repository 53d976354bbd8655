import { memoryFileSystem } from '@flexgen/opt-fixtures'
import type { WeightSource } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, littleEndian, pattern, utf8 } from '../../test/support/bytes.ts'
import { expectCode } from '../../test/support/expect-code.ts'
import { readTensor } from '../../test/support/read-all.ts'
import { rawSafetensors, smallSafetensors, writeSafetensors } from '../../test/support/write-safetensors.ts'
import { openSafetensors } from './open-safetensors.ts'

function openBytes(bytes: Uint8Array): Promise<WeightSource> {
  return openSafetensors('/m', { fileSystem: memoryFileSystem({ '/m/model.safetensors': bytes }) })
}

const tensor = (dtype: string, shape: unknown, begin: unknown, end: unknown): unknown => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

describe('openSafetensors with one file', () => {
  it('serves names, shapes, bytes and extents', async () => {
    await using source = await openBytes(smallSafetensors())
    expect([...source.tensors.values()]).toEqual([
      { name: 'a', shape: [2, 3], dtype: 'float16', byteLength: 12 },
      { name: 'b', shape: [2], dtype: 'float32', byteLength: 8 },
    ])
    expect(await readTensor(source, 'b')).toEqual(pattern(8, 50))
    const [extent] = source.extents('a', 4, 5)!
    expect(extent).toEqual({ path: '/m/model.safetensors', byteOffset: extent!.byteOffset, byteLength: 5 })
    expect(smallSafetensors().subarray(extent!.byteOffset, extent!.byteOffset + 5)).toEqual(pattern(12).subarray(4, 9))
    expect(source.extents('a', 12, 0)).toEqual([])
  })

  it('takes a header that is padded with spaces, and metadata', async () => {
    const text = `{"__metadata__":{"format":"pt"},"a":${JSON.stringify(tensor('BF16', [], 0, 2))}}   `
    await using source = await openBytes(rawSafetensors(text, pattern(2)))
    expect(source.tensors.get('a')).toEqual({ name: 'a', shape: [], dtype: 'bfloat16', byteLength: 2 })
  })

  it('says why an integer tensor cannot be used', async () => {
    await using source = await openBytes(smallSafetensors())
    await expectCode(source.read('ids', 0, new Uint8Array(1)), 'UNSUPPORTED_DATA', /'ids'.*I64/)
  })

  it('reads back whatever tensors were written', async () => {
    const dtypes = { F32: 4, F16: 2, BF16: 2, I64: 8, BOOL: 1, F8_E4M3: 1 }
    const tensors = fc.uniqueArray(
      fc.record({
        name: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'toString', 'a.b')),
        dtype: fc.constantFrom(...(Object.keys(dtypes) as (keyof typeof dtypes)[])),
        shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
      }),
      { selector: ({ name }) => name, maxLength: 8 },
    )
    await fc.assert(
      fc.asyncProperty(tensors, async (drawn) => {
        const written = drawn
          .filter(({ name }) => name !== '__metadata__' && name.isWellFormed())
          .map(({ name, dtype, shape }, i) => {
            const byteCount = shape.reduce((product, size) => product * size, 1) * dtypes[dtype]
            return { name, dtype, shape, bytes: pattern(byteCount, i * 100) }
          })
        await using source = await openBytes(writeSafetensors(written, { format: 'pt' }))
        const floats = written.filter(({ dtype }) => ['F32', 'F16', 'BF16'].includes(dtype))
        expect([...source.tensors.keys()]).toEqual(floats.map(({ name }) => name))
        for (const { name, shape, bytes } of floats) {
          expect(source.tensors.get(name)!.shape).toEqual(shape)
          expect(await readTensor(source, name)).toEqual(bytes)
        }
      }),
      { numRuns: 60 },
    )
  })

  it.each<[problem: string, header: unknown, dataBytes: number, message: RegExp]>([
    ['truncated data', { a: tensor('F32', [4], 0, 16) }, 15, /'a' ends at byte 16 of the data, which has 15/],
    ['bytes of no tensor', { a: tensor('F32', [4], 0, 16) }, 17, /1 bytes after 'a' belong to no tensor/],
    ['a hole', { a: tensor('F16', [1], 0, 2), b: tensor('F16', [1], 4, 6) }, 6, /a hole of 2 bytes .*'a' and 'b'/],
    ['a hole in front', { a: tensor('F16', [1], 2, 4) }, 4, /a hole of 2 bytes between the header and 'a'/],
    ['an overlap', { a: tensor('F16', [2], 0, 4), b: tensor('F16', [2], 2, 6) }, 6, /an overlap of 2 bytes/],
    ['shared data', { a: tensor('F16', [2], 0, 4), b: tensor('F16', [2], 0, 4) }, 4, /an overlap of 4 bytes/],
    ['shape and bytes that differ', { a: tensor('F16', [3], 0, 4) }, 4, /4 bytes, but F16 \[3\] needs 6/],
    ['an unknown dtype', { a: tensor('F17', [2], 0, 4) }, 4, /unknown dtype 'F17'/],
    ['a dtype of Object.prototype', { a: tensor('toString', [2], 0, 4) }, 4, /unknown dtype/],
    ['a negative dimension', { a: tensor('F16', [-2, -1], 0, 4) }, 4, /shape that is not a list/],
    ['a fractional dimension', { a: tensor('F16', [0.5], 0, 1) }, 1, /shape that is not a list/],
    ['a shape that is no list', { a: tensor('F16', 2, 0, 4) }, 4, /shape that is not a list/],
    [
      '65 dimensions',
      {
        a: tensor(
          'F16',
          Array.from({ length: 65 }, () => 1),
          0,
          2,
        ),
      },
      2,
      /shape that is not a list/,
    ],
    ['a huge shape', { a: tensor('F16', [2 ** 40, 2 ** 40], 0, 4) }, 4, /too large/],
    ['a huge shape behind a zero', { a: tensor('F16', [0, 2 ** 50, 2 ** 50], 0, 0) }, 0, /too large/],
    ['a negative offset', { a: tensor('F16', [2], -4, 0) }, 4, /data_offsets/],
    ['an inexact offset', { a: tensor('F16', [2], 0, 2 ** 53) }, 4, /data_offsets/],
    ['three offsets', { a: { dtype: 'F16', shape: [1], data_offsets: [0, 2, 2] } }, 2, /data_offsets/],
    ['swapped offsets', { a: tensor('F16', [2], 4, 0) }, 4, /before its begin/],
    ['a missing dtype', { a: { shape: [1], data_offsets: [0, 2] } }, 2, /no dtype/],
    ['a tensor that is no object', { a: 7 }, 0, /not described by an object/],
    ['metadata that is no map of strings', { __metadata__: { a: 1 } }, 0, /__metadata__/],
    ['a name twice', '{"a":{"dtype":"F16","shape":[0],"data_offsets":[0,0]},"a":0}', 0, /'a' occurs twice/],
    ['nesting', '{"a":{"dtype":"F16","shape":[[2]],"data_offsets":[0,4]}}', 4, /nesting/],
    ['a list', '[]', 0, /does not begin with '\{'/],
    ['text after the header', '{} {}', 0, /unexpected text/],
    ['cut JSON', '{"a":', 0, /malformed value at position 5/],
  ])('refuses %s', async (_, header, dataBytes, message) => {
    await expectCode(openBytes(rawSafetensors(header, pattern(dataBytes))), 'CORRUPT_DATA', message)
  })

  it('refuses lengths that the file cannot have, before it allocates', async () => {
    for (const length of [2n ** 25n + 1n, 2n ** 63n, 2n ** 64n - 1n, 3n])
      await expectCode(openBytes(concat(littleEndian(8, length), utf8('{}'))), 'CORRUPT_DATA', /header should have/)
    await expectCode(openBytes(new Uint8Array(8)), 'CORRUPT_DATA', /does not begin with '\{'/)
    await expectCode(openBytes(pattern(7)), 'CORRUPT_DATA', /too short/)
    await expectCode(openBytes(new Uint8Array(0)), 'CORRUPT_DATA', /too short/)
  })

  it('refuses text that is not UTF-8', async () => {
    const bytes = rawSafetensors('{"a?":0}')
    bytes[bytes.indexOf(0x3f)] = 0xff
    await expectCode(openBytes(bytes), 'CORRUPT_DATA', /UTF-8/)
  })

  it('names a Git LFS pointer', async () => {
    const pointer = utf8('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n')
    await expectCode(openBytes(pointer), 'CORRUPT_DATA', /Git LFS pointer/)
  })
})
