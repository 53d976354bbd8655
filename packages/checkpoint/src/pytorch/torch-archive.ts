import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'
import type { OpenFiles } from '../file/open-files.ts'
import { quoteName } from '../text/one-line.ts'
import type { TorchStorage } from './pickle-value.ts'
import { readZipDirectory, type ZipEntry } from './zip-directory.ts'

/** The description of ten thousand tensors has about 2 MB. */
const maxPickleBytes = 16 * 2 ** 20
const maxByteOrderBytes = 16

/** The parts of a file that `torch.save` wrote. */
export interface TorchArchive {
  /** Bytes of `data.pkl`. */
  readonly pickle: Uint8Array
  /**
   * Where the bytes of storages begin in the file, by key.
   * @throws {FlexgenError} `CORRUPT_DATA` where one is missing, has another size or overlaps another one;
   * `UNSUPPORTED_DATA` where one is compressed
   */
  findStorages(storages: Iterable<TorchStorage>): Promise<Map<string, number>>
}

interface Range {
  readonly name: string
  readonly start: number
  readonly end: number
}

function checkDisjoint(path: string, ranges: readonly Range[]): void {
  const sorted = ranges.toSorted((a, b) => a.start - b.start || a.end - b.end)
  for (const [i, { name, end }] of sorted.entries()) {
    const next = sorted[i + 1]
    if (next !== undefined && next.start < end)
      throw new CorruptDataError(`${path}: ${quoteName(name)} and ${quoteName(next.name)} overlap`)
  }
}

/**
 * Opens the zip archive of a PyTorch file: `NAME/data.pkl`, `NAME/byteorder`, and a storage in each `NAME/data/KEY`.
 * @throws {FlexgenError} `CORRUPT_DATA`, `UNSUPPORTED_DATA` for big-endian or compressed files, `READ_FAILED`
 */
export async function openTorchArchive(files: OpenFiles, path: string): Promise<TorchArchive> {
  const entries = await readZipDirectory(files, path)
  async function startOf(name: string, entry: ZipEntry): Promise<number> {
    if (!entry.isPlain)
      throw new UnsupportedDataError(`${path}: ${quoteName(name)} is compressed or encrypted`, {
        hint: 'save the file again with torch.save, which stores tensors as they are',
      })
    return entry.findStart()
  }

  async function readEntry(name: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const entry = entries.get(name)
    if (entry === undefined) return undefined
    if (entry.byteLength > maxBytes)
      throw new CorruptDataError(`${path}: ${quoteName(name)} has ${entry.byteLength} bytes; ${maxBytes} are allowed`)
    const start = await startOf(name, entry)
    const bytes = new Uint8Array(entry.byteLength)
    await files.read(path, start, bytes)
    return bytes
  }

  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name))
  if (pickles.length !== 1)
    throw new CorruptDataError(`${path} is a zip archive, but not one of PyTorch: it has ${pickles.length} data.pkl`)
  const root = pickles[0]!.slice(0, -'data.pkl'.length)
  const pickle = (await readEntry(`${root}data.pkl`, maxPickleBytes))!
  const byteOrder = await readEntry(`${root}byteorder`, maxByteOrderBytes)
  if (byteOrder !== undefined && String.fromCharCode(...byteOrder) !== 'little')
    throw new UnsupportedDataError(`${path} was not written on a little-endian machine`)

  async function findStorages(storages: Iterable<TorchStorage>): Promise<Map<string, number>> {
    const starts = new Map<string, number>()
    const ranges: Range[] = []
    for (const { key, type, elementCount } of storages) {
      const name = `${root}data/${key}`
      const entry = entries.get(name)
      const byteLength = elementCount * type.bytes
      if (entry === undefined) throw new CorruptDataError(`${path}: ${quoteName(name)} is missing`)
      if (entry.byteLength !== byteLength)
        throw new CorruptDataError(`${path}: ${quoteName(name)} has ${entry.byteLength} bytes instead of ${byteLength}`)
      if (starts.has(key)) continue
      const start = await startOf(name, entry)
      starts.set(key, start)
      ranges.push({ name, start, end: start + byteLength })
    }
    checkDisjoint(path, ranges)
    return starts
  }

  return { pickle, findStorages }
}
