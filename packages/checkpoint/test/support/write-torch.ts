import { concat, littleEndian, utf8 } from './bytes.ts'
import { writeZip, type ZipOptions } from './write-zip.ts'

/** Opcodes of a protocol 2 pickle, enough for state dicts and for attacks. */
export const pickle = {
  start: Uint8Array.of(0x80, 2),
  stop: Uint8Array.of(0x2e),
  mark: Uint8Array.of(0x28),
  dict: Uint8Array.of(0x7d),
  setItems: Uint8Array.of(0x75),
  tuple: Uint8Array.of(0x74),
  reduce: Uint8Array.of(0x52),
  load: Uint8Array.of(0x51),
  no: Uint8Array.of(0x89),
  text: (value: string): Uint8Array => concat(0x58, littleEndian(4, utf8(value).byteLength), utf8(value)),
  integer: (value: number): Uint8Array => concat(0x8a, 8, littleEndian(8, BigInt.asUintN(64, BigInt(value)))),
  global: (module: string, name: string): Uint8Array => utf8(`c${module}\n${name}\n`),
  counts: (values: readonly number[]): Uint8Array =>
    concat(pickle.mark, ...values.map((value) => pickle.integer(value)), pickle.tuple),
} as const

/** A strided view of a storage. */
export interface TorchView {
  readonly storageClass?: string
  readonly key: string
  /** Elements that the pickle says the storage has. */
  readonly capacity: number
  readonly offset?: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

/** The opcodes that rebuild a tensor, one by one. */
export function tensorOpcodes(view: TorchView): Uint8Array[] {
  return [
    pickle.global('torch._utils', '_rebuild_tensor_v2'),
    pickle.mark,
    pickle.mark,
    pickle.text('storage'),
    pickle.global('torch', view.storageClass ?? 'FloatStorage'),
    pickle.text(view.key),
    pickle.text('cpu'),
    pickle.integer(view.capacity),
    pickle.tuple,
    pickle.load,
    pickle.integer(view.offset ?? 0),
    pickle.counts(view.shape),
    pickle.counts(view.strides),
    pickle.no,
    pickle.dict,
    pickle.tuple,
    pickle.reduce,
  ]
}

/** The opcodes that rebuild a tensor. */
export function pickledTensor(view: TorchView): Uint8Array {
  return concat(...tensorOpcodes(view))
}

/** A pickle of a dict whose values are given as opcodes. */
export function pickledDict(items: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const body = items.map(([name, value]) => concat(pickle.text(name), value))
  return concat(pickle.start, pickle.dict, pickle.mark, ...body, pickle.setItems, pickle.stop)
}

/** The archive that `torch.save` would make of a pickle and its storages. */
export function torchArchive(
  data: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>>,
  options: ZipOptions & { readonly byteOrder?: string; readonly root?: string } = {},
): Uint8Array {
  const { byteOrder = 'little', root = 'archive' } = options
  const files = Object.entries(storages).map(([key, bytes]) => [`${root}/data/${key}`, bytes] as const)
  return writeZip(
    [[`${root}/data.pkl`, data], [`${root}/byteorder`, utf8(byteOrder)], ...files, [`${root}/version`, utf8('3\n')]],
    options,
  )
}

/** An archive of views over storages. */
export function writeTorch(
  views: Readonly<Record<string, TorchView>>,
  storages: Readonly<Record<string, Uint8Array>>,
  options: ZipOptions & { readonly byteOrder?: string; readonly root?: string } = {},
): Uint8Array {
  const items = Object.entries(views).map(([name, view]) => [name, pickledTensor(view)] as const)
  return torchArchive(pickledDict(items), storages, options)
}
