import { memoryFileSystem } from '@flexgen/opt-fixtures'
import type { WeightSource } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { concat, pattern, utf8 } from '../../test/support/bytes.ts'
import { expectCode } from '../../test/support/expect-code.ts'
import { readTensor } from '../../test/support/read-all.ts'
import { rawNpy, writeNpy } from '../../test/support/write-npy.ts'
import { openNumpyFolder } from './open-numpy-folder.ts'

function openFiles(files: Record<string, Uint8Array>): Promise<WeightSource> {
  const paths = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`/np/${name}`, bytes]))
  return openNumpyFolder('/np', { fileSystem: memoryFileSystem(paths) })
}

function openOne(bytes: Uint8Array): Promise<WeightSource> {
  return openFiles({ 'x.weight': bytes })
}

const header = (fields: string): string => `{${fields}}`

describe('openNumpyFolder', () => {
  it('takes files of FlexGen without an extension and those of numpy with one, and ignores others', async () => {
    await using source = await openFiles({
      'decoder.embed_tokens.weight': writeNpy('<f2', [2, 3], pattern(12)),
      'decoder.layers.0.fc1.bias': writeNpy('<f4', [2], pattern(8)),
      'lm_head.weight.npy': writeNpy('<f2', [1], pattern(2), { version: 2 }),
      'custom.npy': writeNpy('<f2', [], pattern(2), { version: 3 }),
      'config.json': utf8('{}'),
      '.hidden.weight': utf8('junk'),
    })
    expect([...source.tensors.values()].map(({ name, shape, dtype }) => [name, shape, dtype])).toEqual([
      ['custom', [], 'float16'],
      ['decoder.embed_tokens.weight', [2, 3], 'float16'],
      ['decoder.layers.0.fc1.bias', [2], 'float32'],
      ['lm_head.weight', [1], 'float16'],
    ])
    expect(await readTensor(source, 'decoder.embed_tokens.weight')).toEqual(pattern(12))
    expect(source.extents('decoder.layers.0.fc1.bias', 2, 3)![0]).toMatchObject({
      path: '/np/decoder.layers.0.fc1.bias',
      byteLength: 3,
    })
  })

  it('serves Fortran order in row-major order', async () => {
    // The file has the columns one behind the other.
    await using source = await openOne(
      writeNpy('<f2', [2, 3], Uint8Array.of(0, 0, 3, 3, 1, 1, 4, 4, 2, 2, 5, 5), {
        fortranOrder: true,
      }),
    )
    expect(await readTensor(source, 'x.weight')).toEqual(Uint8Array.of(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5))
    expect(source.extents('x.weight', 0, 2)).toBeUndefined()
    await using vector = await openOne(writeNpy('<f2', [3], pattern(6), { fortranOrder: true }))
    expect(vector.extents('x.weight', 0, 6)).toHaveLength(1)
  })

  it('takes what Python 2 wrote, other quotes and another order of fields', async () => {
    const text = header(` "shape" : ( 2L , 3L ) , 'descr':'<f2','fortran_order':False `)
    await using source = await openOne(rawNpy(text, pattern(12)))
    expect(source.tensors.get('x.weight')!.shape).toEqual([2, 3])
  })

  it.each<[descr: string]>([['<f8'], ['>f4'], ['<i8'], ['|b1'], ['<V2'], ['|O'], ['toString'], ['']])(
    'does not support elements of type %j',
    async (descr) => {
      await expectCode(openOne(writeNpy(descr, [1], pattern(4))), 'UNSUPPORTED_DATA', /<f4 and <f2 are supported/)
    },
  )

  it('does not support structured elements or newer versions', async () => {
    const structured = header("'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)")
    await expectCode(openOne(rawNpy(structured, pattern(4))), 'UNSUPPORTED_DATA', /structured/)
    await expectCode(openOne(writeNpy('<f4', [1], pattern(4), { version: 4 })), 'UNSUPPORTED_DATA', /version 4\.0/)
  })

  const fields = "'descr': '<f4', 'fortran_order': False"
  it.each<[problem: string, text: string, message: RegExp]>([
    ['no dict', "'<f4'", /not a dict/],
    ['a missing shape', header(fields), /lacks/],
    ['a shape that is a number', header(`${fields}, 'shape': 1`), /malformed/],
    ['a shape in brackets only', header(`${fields}, 'shape': (1)`), /lacks/],
    ['a negative shape', header(`${fields}, 'shape': (-1,)`), /malformed/],
    ['a fractional shape', header(`${fields}, 'shape': (1.0,)`), /malformed/],
    ['a call', header(`${fields}, 'shape': __import__('os').system('x')`), /malformed/],
    ['a field twice', header(`${fields}, 'descr': '<f2', 'shape': (1,)`), /'descr' twice/],
    ['a fourth field', header(`${fields}, 'shape': (1,), 'more': True`), /more than three/],
    ['an inexact shape', header(`${fields}, 'shape': (9007199254740993,)`), /lacks/],
    ['a huge shape', header(`${fields}, 'shape': (4000000000, 4000000000)`), /too large/],
    ['more data than the shape', header(`${fields}, 'shape': ()`), /8 bytes of data.* needs 4/],
    ['less data than the shape', header(`${fields}, 'shape': (3,)`), /8 bytes of data.* needs 12/],
    ['text behind the dict', `${header(`${fields}, 'shape': (2,)`)} + 1`, /not a dict/],
  ])('refuses a header with %s', async (_, text, message) => {
    await expectCode(openOne(rawNpy(text, pattern(8))), 'CORRUPT_DATA', message)
  })

  it('refuses what is no npy file, or half of one', async () => {
    await expectCode(openOne(utf8('not numpy at all')), 'CORRUPT_DATA', /not an npy file/)
    await expectCode(openOne(new Uint8Array(0)), 'CORRUPT_DATA', /not an npy file/)
    const valid = writeNpy('<f4', [2], pattern(8))
    await expectCode(openOne(valid.subarray(0, 40)), 'CORRUPT_DATA', /header should have/)
    await expectCode(openOne(concat(valid, 0)), 'CORRUPT_DATA', /9 bytes of data/)
    const huge = rawNpy('', pattern(8), 2)
    huge.set([255, 255, 255, 255], 8)
    await expectCode(openOne(huge), 'CORRUPT_DATA', /4294967295 bytes/)
  })

  it('refuses a tensor that is there twice, and a folder without any', async () => {
    const one = writeNpy('<f4', [2], pattern(8))
    await expectCode(openFiles({ 'x.weight': one, 'x.weight.npy': one }), 'CORRUPT_DATA', /'x.weight' twice/)
    await expectCode(openFiles({ 'config.json': utf8('{}') }), 'MODEL_NOT_FOUND', /no npy files/)
    await expectCode(openNumpyFolder('/none', { fileSystem: memoryFileSystem({}) }), 'MODEL_NOT_FOUND', /nothing at/)
  })
})
