import { crc32 } from 'node:zlib'
import { concat, littleEndian, utf8 } from './bytes.ts'

/** What to change in an otherwise valid archive. */
export interface ZipOptions {
  /** Sizes and offsets in zip64 fields, as in files above 4 GB. */
  readonly zip64?: boolean
  readonly compressionMethod?: number
  /** Local header offset of each entry, from the true one. */
  readonly moveHeader?: (name: string, offset: number) => number
  /** Where the archive begins in its file; what is before it belongs to no entry. */
  readonly start?: number
  /** Number of entries that the archive says it has. */
  readonly claimedCount?: number
}

/** A zip archive of files that are stored as they are. */
export function writeZip(files: readonly (readonly [string, Uint8Array])[], options: ZipOptions = {}): Uint8Array {
  const { zip64 = false, compressionMethod = 0, moveHeader = (_, offset) => offset, start = 0 } = options
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let at = start
  for (const [name, bytes] of files) {
    const title = utf8(name)
    const common = concat(
      ...[45, 0x0800, compressionMethod, 0, 0].map((value) => littleEndian(2, value)),
      littleEndian(4, crc32(bytes)),
      ...[0, 0].map(() => littleEndian(4, zip64 ? 0xffffffff : bytes.byteLength)),
      littleEndian(2, title.byteLength),
    )
    const size = littleEndian(8, bytes.byteLength)
    const localExtra = zip64 ? concat(littleEndian(2, 1), littleEndian(2, 16), size, size) : new Uint8Array(0)
    const local = concat(littleEndian(4, 0x04034b50), common, littleEndian(2, localExtra.byteLength), title, localExtra)
    const offset = moveHeader(name, at)
    const extra = zip64
      ? concat(littleEndian(2, 1), littleEndian(2, 24), size, size, littleEndian(8, offset))
      : new Uint8Array(0)
    directory.push(
      concat(
        littleEndian(4, 0x02014b50),
        littleEndian(2, 45),
        common,
        littleEndian(2, extra.byteLength),
        new Uint8Array(10),
        littleEndian(4, zip64 ? 0xffffffff : offset),
        title,
        extra,
      ),
    )
    parts.push(local, bytes)
    at += local.byteLength + bytes.byteLength
  }
  const list = concat(...directory)
  const count = options.claimedCount ?? files.length
  const end64 = concat(
    littleEndian(4, 0x06064b50),
    littleEndian(8, 44),
    littleEndian(4, 0x2d002d),
    new Uint8Array(8),
    ...[count, count, list.byteLength, at].map((value) => littleEndian(8, value)),
    littleEndian(4, 0x07064b50),
    littleEndian(4, 0),
    littleEndian(8, at + list.byteLength),
    littleEndian(4, 1),
  )
  const end = concat(
    littleEndian(4, 0x06054b50),
    new Uint8Array(4),
    ...[0, 0].map(() => littleEndian(2, zip64 ? 0xffff : count)),
    ...[list.byteLength, at].map((value) => littleEndian(4, zip64 ? 0xffffffff : value)),
    new Uint8Array(2),
  )
  return concat(...parts, list, zip64 ? end64 : new Uint8Array(0), end)
}
