import { applyByteEdits, byteEdits, type FuzzCampaign, jsonEditor, jsonEdits, shares } from '@flexgen/opt-fixtures'
import type { WeightSource } from '@flexgen/spec'
import fc from 'fast-check'
import { expect } from 'vitest'
import { openPytorch } from '../../src/index.ts'
import { concat, pattern, utf8 } from '../support/bytes.ts'
import {
  pickle,
  pickledDict,
  pickledTensor,
  tensorOpcodes,
  torchArchive,
  type TorchView,
  writeTorch,
} from '../support/write-torch.ts'
import { writeZip } from '../support/write-zip.ts'
import { type Files, sourceCampaign } from './source-campaign.ts'

const view: TorchView = { key: '0', capacity: 12, shape: [3, 4], strides: [4, 1] }
const half: TorchView = { key: '1', capacity: 6, shape: [3, 2], strides: [1, 3], storageClass: 'HalfStorage' }
const views = { a: view, t: { ...view, shape: [4, 3], strides: [1, 4] }, half }
const storages = { 0: pattern(48), 1: pattern(12, 500) }
const archives = [writeTorch(views, storages), writeTorch(views, storages, { zip64: true })]

const oneFile = (bytes: Uint8Array): Files => ({ 'pytorch_model.bin': bytes })

/** Where the archive is sound, nothing but the bytes of storages may be served. */
function checkInsideStorages(source: WeightSource, files: Files): void {
  const archive = Buffer.from(files['/m/pytorch_model.bin']!)
  const ranges = Object.values(storages).map((bytes) => {
    const start = archive.indexOf(bytes)
    return { start, end: start + bytes.byteLength }
  })
  for (const [name, { byteLength }] of source.tensors)
    for (const { byteOffset, byteLength: length } of source.extents(name, 0, byteLength) ?? [])
      expect(ranges.some(({ start, end }) => start <= byteOffset && byteOffset + length <= end)).toBe(true)
}

/** The pickle of a state dict as a list of opcodes that can be mixed up. */
const opcodes = [
  pickle.start,
  pickle.dict,
  pickle.mark,
  ...Object.entries(views).flatMap(([name, tensor]) => [pickle.text(name), ...tensorOpcodes(tensor)]),
  pickle.setItems,
  pickle.stop,
]
const strangers = fc.oneof(
  fc.noBias(fc.integer({ min: 0, max: 255 })).map((code) => Uint8Array.of(code)),
  fc.tuple(fc.constantFrom(0x68, 0x71, 0x4b, 0x94), fc.constantFrom(0, 1, 255)).map((codes) => Uint8Array.from(codes)),
  fc.constantFrom(-1, 0, 1, 13, 2 ** 31, 2 ** 32, 2 ** 53 - 1).map(pickle.integer),
  fc.constantFrom('0', '1', '__proto__', '../0', '', 'cpu').map(pickle.text),
  fc
    .constantFrom<[string, string]>(
      ['os', 'system'],
      ['builtins', 'eval'],
      ['torch._utils', '_rebuild_tensor_v2'],
      ['torch._utils', '_rebuild_tensor_v3'],
      ['torch._utils', '_rebuild_parameter'],
      ['torch._tensor', '_rebuild_from_type_v2'],
      ['collections', 'OrderedDict'],
      ['torch', 'Size'],
      ['torch', 'DoubleStorage'],
      ['torch', 'float16'],
    )
    .map(([module, name]) => pickle.global(module, name)),
)
const opcodeEdits = fc.array(
  fc.record({
    at: shares,
    removed: fc.constantFrom(0, 0, 1, 1, 2),
    inserted: fc.oneof(fc.array(strangers, { maxLength: 3 }), fc.tuple(fc.constantFrom(...opcodes))),
  }),
  { minLength: 1, maxLength: 4 },
)

interface OpcodeEdit {
  readonly at: number
  readonly removed: number
  readonly inserted: readonly Uint8Array[]
}

function editOpcodes(list: readonly Uint8Array[], { at, removed, inserted }: OpcodeEdit): readonly Uint8Array[] {
  return list.toSpliced(Math.floor(at * list.length), removed, ...inserted)
}

const counts = fc.oneof(fc.integer({ min: 0, max: 7 }), fc.constantFrom(-1, 12, 48, 2 ** 31, 2 ** 40, 2 ** 53 - 1))
const viewChanges = fc.oneof<fc.Arbitrary<Partial<TorchView>>[]>(
  fc.record({
    storageClass: fc.constantFrom('HalfStorage', 'BFloat16Storage', 'LongStorage', 'BoolStorage', 'QInt8Storage'),
  }),
  fc.record({ key: fc.constantFrom('1', '2', '../data.pkl') }),
  fc.record({ capacity: fc.oneof(counts, fc.constantFrom(24, 6, 3)) }),
  fc.record({ offset: counts }),
  fc.record({ shape: fc.array(counts, { maxLength: 4 }) }),
  fc.record({ strides: fc.array(counts, { maxLength: 4 }) }),
  fc.array(counts, { maxLength: 3 }).map((shape) => ({ shape, strides: shape.map(() => 0) })),
  fc.array(fc.tuple(counts, counts), { maxLength: 4 }).map((sizes) => ({
    shape: sizes.map(([size]) => size),
    strides: sizes.map(([, stride]) => stride),
  })),
)
const anyView = fc
  .tuple(fc.constantFrom(view, half), fc.array(viewChanges, { maxLength: 2 }))
  .map(([usual, changes]): TorchView => Object.assign({}, usual, ...changes) as TorchView)

/** Entries of an archive, and what is said of them. */
const entries: readonly (readonly [string, Uint8Array])[] = [
  ['archive/data.pkl', pickledDict(Object.entries(views).map(([name, tensor]) => [name, pickledTensor(tensor)]))],
  ['archive/byteorder', utf8('little')],
  ['archive/data/0', storages[0]],
  ['archive/data/1', storages[1]],
]
const entryEdits = fc.array(
  fc.oneof(
    fc.record({
      at: shares,
      name: fc.constantFrom('archive/data/0', 'archive/data.pkl', 'b/data.pkl', '../x', '__proto__', '/x', 'C:\\x'),
    }),
    fc.record({ at: shares, size: fc.integer({ min: 0, max: 60 }) }),
    fc.record({ at: shares, repeat: fc.integer({ min: 0, max: 2 }) }),
  ),
  { maxLength: 3 },
)
type EntryEdit = { readonly at: number; readonly name?: string; readonly size?: number; readonly repeat?: number }

function editEntries(edits: readonly EntryEdit[]): (readonly [string, Uint8Array])[] {
  return edits.reduce(
    (list, { at, name, size, repeat = 1 }) => {
      const index = Math.floor(at * list.length)
      const found = list[index]
      if (found === undefined) return list
      const entry = [name ?? found[0], size === undefined ? found[1] : pattern(size)] as const
      return list.toSpliced(index, 1, ...Array.from({ length: repeat }, () => entry))
    },
    [...entries],
  )
}

const shards: Files = {
  'one.bin': writeTorch({ a: view }, storages),
  'two.bin': writeTorch({ half }, storages),
}
const index = { metadata: { total_size: 60 }, weight_map: { a: 'one.bin', half: 'two.bin' } }
const editIndex = jsonEditor(index)
const withIndex = (bytes: Uint8Array): Files => ({ ...shards, 'pytorch_model.bin.index.json': bytes })

const editedArchives = fc.record({
  edits: entryEdits,
  zip64: fc.boolean(),
  compressionMethod: fc.constantFrom(0, 0, 0, 8, 99),
  claimedCount: fc.constantFrom(undefined, undefined, undefined, 0, 3, 5, 2 ** 16),
  moved: fc.constantFrom(0, 0, 0, -1, 1, -60, 60, 2 ** 31),
})

/** PyTorch's files: archives byte by byte and entry by entry, pickles by opcodes and tensors, and indexes. */
export const pytorchCampaigns: readonly FuzzCampaign[] = [
  sourceCampaign('PyTorch, bytes', openPytorch, fc.tuple(fc.constantFrom(...archives), byteEdits), ([archive, edits]) =>
    oneFile(applyByteEdits(archive, edits)),
  ),
  sourceCampaign('PyTorch, entries', openPytorch, editedArchives, ({ edits, moved, claimedCount, ...options }) => {
    const moveHeader = (_: string, at: number): number => Math.max(0, at + moved)
    const claim = claimedCount === undefined ? {} : { claimedCount }
    return oneFile(writeZip(editEntries(edits), { ...options, ...claim, moveHeader }))
  }),
  sourceCampaign(
    'PyTorch, pickle bytes',
    openPytorch,
    byteEdits,
    (edits) => oneFile(torchArchive(applyByteEdits(concat(...opcodes), edits), storages)),
    checkInsideStorages,
  ),
  sourceCampaign(
    'PyTorch, pickle opcodes',
    openPytorch,
    opcodeEdits,
    (edits) => oneFile(torchArchive(concat(...edits.reduce(editOpcodes, opcodes)), storages)),
    checkInsideStorages,
  ),
  sourceCampaign(
    'PyTorch, tensors',
    openPytorch,
    fc.tuple(anyView, anyView),
    ([a, b]) => oneFile(writeTorch({ a, b }, storages)),
    checkInsideStorages,
  ),
  sourceCampaign('PyTorch index, bytes', openPytorch, byteEdits, (edits) =>
    withIndex(applyByteEdits(utf8(JSON.stringify(index)), edits)),
  ),
  sourceCampaign('PyTorch index, fields', openPytorch, jsonEdits, (edits) => withIndex(utf8(editIndex(edits)))),
]
