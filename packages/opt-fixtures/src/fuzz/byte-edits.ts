import fc from 'fast-check'
import { shares } from './shares.ts'

/** One change of a file; places are shares of its length. */
export type ByteEdit =
  | { readonly set: number; readonly byte: number }
  | { readonly flip: number; readonly bit: number }
  | { readonly number: number; readonly width: 2 | 4 | 8; readonly value: number }
  | { readonly insert: number; readonly bytes: readonly number[] }
  | { readonly remove: number; readonly length: number }
  | { readonly copy: number; readonly length: number; readonly to: number }
  | { readonly cut: number }

const anyByte = fc.noBias(fc.integer({ min: 0, max: 255 }))
const oddByte = fc.constantFrom(0, 0x0a, 0x22, 0x28, 0x2d, 0x2e, 0x39, 0x5b, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xff)
const lengths = fc.integer({ min: 1, max: 40 })
const oddNumber = fc.constantFrom(0, 1, 2, 0x7f, 0xff, 0x7fff, 0xffff, 2 ** 31, 2 ** 32 - 1, 2 ** 53, 2 ** 63, -1)

const anyEdit = fc.oneof<fc.WeightedArbitrary<ByteEdit>[]>(
  { weight: 6, arbitrary: fc.record({ set: shares, byte: fc.oneof(anyByte, oddByte) }) },
  { weight: 3, arbitrary: fc.record({ flip: shares, bit: fc.integer({ min: 0, max: 7 }) }) },
  { weight: 3, arbitrary: fc.record({ number: shares, width: fc.constantFrom(2, 4, 8), value: oddNumber }) },
  { weight: 1, arbitrary: fc.record({ insert: shares, bytes: fc.array(anyByte, { minLength: 1, maxLength: 16 }) }) },
  { weight: 1, arbitrary: fc.record({ remove: shares, length: lengths }) },
  { weight: 1, arbitrary: fc.record({ copy: shares, length: lengths, to: shares }) },
  { weight: 1, arbitrary: fc.record({ cut: shares }) },
)

/** One change, or up to six, mostly of single bytes. */
export const byteEdits: fc.Arbitrary<readonly ByteEdit[]> = fc.oneof(
  fc.tuple(anyEdit),
  fc.array(anyEdit, { minLength: 1, maxLength: 6 }),
)

/** The bytes after all changes, one after the other. */
export function applyByteEdits(bytes: Uint8Array, edits: readonly ByteEdit[]): Uint8Array {
  return new Uint8Array(edits.reduce(applyOne, Buffer.from(bytes)))
}

function applyOne(bytes: Buffer, edit: ByteEdit): Buffer {
  const at = (share: number): number => Math.floor(share * bytes.length)
  if ('cut' in edit) return bytes.subarray(0, at(edit.cut))
  if ('insert' in edit) return splice(bytes, at(edit.insert), 0, Buffer.from(edit.bytes))
  if ('remove' in edit) return splice(bytes, at(edit.remove), edit.length, Buffer.alloc(0))
  if ('copy' in edit) return splice(bytes, at(edit.to), 0, bytes.subarray(at(edit.copy), at(edit.copy) + edit.length))
  if ('number' in edit) {
    const number = Buffer.alloc(8)
    number.writeBigUInt64LE(BigInt.asUintN(64, BigInt(edit.value)))
    return splice(bytes, at(edit.number), edit.width, number.subarray(0, edit.width))
  }
  const place = at('set' in edit ? edit.set : edit.flip)
  if (place < bytes.length) bytes[place] = 'set' in edit ? edit.byte : bytes[place]! ^ (1 << edit.bit)
  return bytes
}

function splice(bytes: Buffer, at: number, removed: number, inserted: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)])
}
