import { memoryFileSystem } from '@flexgen/opt-fixtures'
import type { WeightSource } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { concat, littleEndian, pattern, utf8 } from '../../test/support/bytes.ts'
import { expectCode } from '../../test/support/expect-code.ts'
import { behindGap } from '../../test/support/behind-gap.ts'
import { readTensor } from '../../test/support/read-all.ts'
import {
  pickle,
  pickledDict,
  pickledTensor,
  torchArchive,
  type TorchView,
  writeTorch,
} from '../../test/support/write-torch.ts'
import { writeZip } from '../../test/support/write-zip.ts'
import { openPytorch } from './open-pytorch.ts'

function openBytes(bytes: Uint8Array): Promise<WeightSource> {
  return openPytorch('/m', { fileSystem: memoryFileSystem({ '/m/pytorch_model.bin': bytes }) })
}

const view: TorchView = { key: '0', capacity: 6, shape: [2, 3], strides: [3, 1] }
const storages = { 0: pattern(24) }
const small = (change: Partial<TorchView>): Uint8Array => writeTorch({ a: { ...view, ...change } }, storages)
const withValue = (value: Uint8Array): Uint8Array =>
  torchArchive(
    pickledDict([
      ['a', pickledTensor(view)],
      ['x', value],
    ]),
    storages,
  )

describe('openPytorch', () => {
  it('serves contiguous tensors by extents and others by read', async () => {
    const bytes = writeTorch(
      {
        a: view,
        t: { ...view, shape: [3, 2], strides: [1, 3] },
        tail: { ...view, offset: 4, shape: [2], strides: [1] },
      },
      storages,
    )
    await using source = await openBytes(bytes)
    expect(await readTensor(source, 'a')).toEqual(storages[0])
    expect(await readTensor(source, 'tail')).toEqual(storages[0].subarray(16))
    const row = (i: number): Uint8Array => storages[0].subarray(i * 4, i * 4 + 4)
    expect(await readTensor(source, 't')).toEqual(new Uint8Array(concat(...[0, 3, 1, 4, 2, 5].map(row))))
    expect(source.extents('t', 0, 4)).toBeUndefined()
    const [extent] = source.extents('tail', 1, 6)!
    expect(new Uint8Array(bytes.subarray(extent!.byteOffset, extent!.byteOffset + 6))).toEqual(
      storages[0].subarray(17, 23),
    )
  })

  it('reads zip64 archives and any archive name', async () => {
    for (const options of [{ zip64: true }, { root: 'model' }, { zip64: true, root: 'r' }]) {
      await using source = await openBytes(writeTorch({ a: view }, storages, options))
      expect(await readTensor(source, 'a')).toEqual(storages[0])
    }
  })

  it('leaves integer tensors out and says so when one is asked for', async () => {
    const bytes = writeTorch(
      { a: view, ids: { ...view, key: '1', storageClass: 'LongStorage', capacity: 6 } },
      {
        ...storages,
        1: pattern(48),
      },
    )
    await using source = await openBytes(bytes)
    expect([...source.tensors.keys()]).toEqual(['a'])
    await expectCode(source.read('ids', 0, new Uint8Array(1)), 'UNSUPPORTED_DATA', /'ids'.*int64/)
  })

  it.each<[name: string, call: Uint8Array]>([
    [
      'os.system',
      concat(pickle.global('os', 'system'), pickle.mark, pickle.text('touch x'), pickle.tuple, pickle.reduce),
    ],
    ['builtins.eval', concat(pickle.text('builtins'), pickle.text('eval'), 0x93)],
    ['__builtin__.exec', concat(pickle.mark, pickle.text('1'), utf8('i__builtin__\nexec\n'))],
    ['torch._utils._rebuild_qtensor', pickle.global('torch._utils', '_rebuild_qtensor')],
    ['__proto__.constructor', pickle.global('__proto__', 'constructor')],
  ])('refuses a pickle that calls %s', async (name, call) => {
    await expectCode(openBytes(withValue(call)), 'UNSUPPORTED_DATA', `the pickle calls ${name}, which is refused`)
  })

  it.each<[problem: string, bytes: Uint8Array, message: RegExp]>([
    ['a storage that is missing', small({ key: '7' }), /'archive\/data\/7' is missing/],
    ['a storage named like a path', small({ key: '../data.pkl' }), /is missing/],
    ['a storage of another size', small({ capacity: 7 }), /24 bytes instead of 28/],
    ['a tensor behind its storage', small({ offset: 1 }), /storage of 6 elements/],
    ['strides behind the storage', small({ strides: [4, 1] }), /storage of 6 elements/],
    ['a negative stride', small({ strides: [-3, 1] }), /stride is not a tuple/],
    ['a negative size', small({ shape: [-2, -3] }), /size is not a tuple/],
    ['a negative offset', small({ offset: -1 }), /malformed layout/],
    ['a huge expanded size', small({ shape: [2 ** 40, 2 ** 40], strides: [0, 0] }), /storage of 6 elements/],
    [
      'a file of a kilobyte that would be a terabyte',
      small({ shape: [2 ** 20, 2 ** 18], strides: [0, 0] }),
      /'a' has 1099511627776 bytes, the file only \d{3}$/,
    ],
    ['fewer strides than sizes', small({ strides: [1] }), /malformed layout/],
    ['an unknown storage class', small({ storageClass: 'Size' }), /malformed persistent id/],
    ['a call of a class', withValue(concat(pickle.global('torch', 'FloatStorage'), 0x29, 0x52)), /is no function/],
    ['a call of text', withValue(concat(pickle.text('x'), 0x29, 0x52)), /calls something that is no function/],
    [
      'a name twice',
      torchArchive(
        pickledDict([
          ['a', pickle.no],
          ['a', pickle.no],
        ]),
        {},
      ),
      /sets a name twice/,
    ],
    ['values that are not there', torchArchive(concat(pickle.start, 0x30, pickle.stop), {}), /lacks a mark/],
    ['no end', torchArchive(concat(pickle.start, pickle.dict), {}), /ends early/],
    [
      'values left behind',
      torchArchive(concat(pickle.start, pickle.no, pickle.no, pickle.stop), {}),
      /leaves values behind/,
    ],
    ['a huge text', torchArchive(concat(pickle.start, 0x8d, new Uint8Array(8).fill(255)), {}), /ends early/],
    ['a memo entry that is not there', torchArchive(concat(pickle.start, 0x68, 3), {}), /recalls/],
    ['no pickle', writeZip([['archive/version', utf8('3')]]), /0 data\.pkl/],
    [
      'two pickles',
      writeZip([
        ['a/data.pkl', utf8('.')],
        ['b/data.pkl', utf8('.')],
      ]),
      /2 data\.pkl/,
    ],
    [
      'an entry twice',
      writeZip([
        ['a/data.pkl', utf8('.')],
        ['a/data.pkl', utf8('.')],
      ]),
      /twice/,
    ],
    ['entries that leave the archive', writeZip([['../data.pkl', utf8('.')]]), /invalid relative path/],
    ['no zip archive', pattern(100), /not a readable zip archive/],
    ['an empty file', new Uint8Array(0), /not a readable zip archive/],
    ['half a file', small({}).subarray(0, 300), /not a readable zip archive/],
  ])('refuses %s', async (_, bytes, message) => {
    await expectCode(openBytes(bytes), 'CORRUPT_DATA', message)
  })

  it.each<[problem: string, bytes: Uint8Array, message: RegExp]>([
    ['big-endian files', writeTorch({ a: view }, storages, { byteOrder: 'big' }), /little-endian/],
    ['compressed entries', writeTorch({ a: view }, storages, { compressionMethod: 8 }), /compressed/],
    ['protocol 1', torchArchive(Uint8Array.of(0x80, 1), {}), /protocol 1; 2 to 5/],
    ['quantised types', small({ storageClass: 'QInt8Storage' }), /unknown type torch\.QInt8Storage/],
    ['opcodes of no use', torchArchive(concat(pickle.start, 0x82, 1), {}), /opcode 0x82/],
    ['a pickle of a list', torchArchive(concat(pickle.start, 0x5d, pickle.stop), {}), /no state dict/],
    ['a state dict without tensors', torchArchive(pickledDict([['a', pickle.no]]), {}), /no state dict/],
  ])('does not support %s', async (_, bytes, message) => {
    await expectCode(openBytes(bytes), 'UNSUPPORTED_DATA', message)
  })

  it('refuses the legacy form by name, whatever the pickle protocol', async () => {
    const magic = Buffer.from('8a0a6cfc9c46f9206aa850192e', 'hex')
    for (const start of [Uint8Array.of(0x80, 2), concat(0x80, 4, 0x95, littleEndian(8, magic.length))])
      await expectCode(openBytes(concat(start, magic, pattern(99))), 'UNSUPPORTED_DATA', /legacy form of PyTorch/)
  })

  it('refuses storages that overlap', async () => {
    const views = { a: view, b: { ...view, key: '1' } }
    const inner = writeZip([['x', storages[0]]])
    const local = inner.subarray(0, inner.indexOf(0x50, 4))
    // Storage 0 holds a local header of its own; storage 1 is said to begin there.
    const outer = new Uint8Array(31 + 24)
    outer.set(local.subarray(0, outer.byteLength))
    const bytes = torchArchive(
      pickledDict([
        ['a', pickledTensor({ ...view, storageClass: 'ByteStorage', capacity: outer.byteLength })],
        ['b', pickledTensor(views.b)],
      ]),
      { 0: outer, 1: storages[0] },
      { moveHeader: (name, at) => (name.endsWith('/1') ? at - outer.byteLength : at) },
    )
    await expectCode(openBytes(bytes), 'CORRUPT_DATA', /overlap/)
  })

  it('bounds what the directory of an archive may hold', async () => {
    const name = 'n'.repeat(65_000)
    const entries = Array.from({ length: 260 }, (_, i) => [`${i}${name}`, new Uint8Array(0)] as const)
    await expectCode(openBytes(writeZip(entries)), 'CORRUPT_DATA', /names in the zip archive have more than 16777216/)
    await expectCode(
      openBytes(writeZip([], { zip64: true, claimedCount: 100_001 })),
      'CORRUPT_DATA',
      /claims to have 100001 entries/,
    )
  })

  it('reads storages beyond 4 GiB', async () => {
    const start = 5 * 2 ** 30
    const archive = writeTorch({ a: view, t: { ...view, strides: [1, 2] } }, storages, { zip64: true, start })
    const fileSystem = behindGap(memoryFileSystem({ '/m.bin': archive }), start)
    await using source = await openPytorch('/m.bin', { fileSystem })
    expect(source.extents('a', 0, 24)![0]!.byteOffset).toBeGreaterThan(start)
    expect(await readTensor(source, 'a')).toEqual(storages[0])
    const row = (i: number): Uint8Array => storages[0].subarray(i * 4, i * 4 + 4)
    expect(await readTensor(source, 't')).toEqual(concat(...[0, 2, 4, 1, 3, 5].map(row)))
  })

  it('bounds what a pickle may make', async () => {
    const bomb = torchArchive(concat(pickle.start, new Uint8Array(500_001).fill(0x28)), {})
    await expectCode(openBytes(bomb), 'CORRUPT_DATA', /more than 500000 operations/)
  })
})
