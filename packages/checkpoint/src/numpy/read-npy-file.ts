import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'
import type { OpenFiles } from '../file/open-files.ts'
import { refuseLfsPointer } from '../file/refuse-lfs-pointer.ts'
import { checkedElementCount } from '../source/checked-shape.ts'
import { columnMajorStrides, isContiguous } from '../source/contiguous.ts'
import { describeTensor, type StoredTensor } from '../source/stored-tensor.ts'
import { decodeUtf8 } from '../text/decode-utf8.ts'
import { parseNpyHeader } from './parse-npy-header.ts'

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
const maxHeaderBytes = 64 * 1024

/**
 * Reads and checks the header of an npy file, versions 1 to 3.
 * @param name the tensor that the file holds
 * @throws {FlexgenError} `READ_FAILED`, `CORRUPT_DATA`, `UNSUPPORTED_DATA`
 */
export async function readNpyFile(files: OpenFiles, path: string, name: string): Promise<StoredTensor> {
  const fileBytes = await files.sizeBytes(path)
  const start = new Uint8Array(Math.min(fileBytes, 64))
  await files.read(path, 0, start)
  refuseLfsPointer(path, start)
  if (start.byteLength < 12 || magic.some((byte, i) => start[i] !== byte))
    throw new CorruptDataError(`${path} is not an npy file, or it is truncated`)
  const version = start[6]!
  if (version < 1 || version > 3 || start[7] !== 0)
    throw new UnsupportedDataError(`${path} has npy version ${version}.${start[7]}; 1.0, 2.0 and 3.0 are supported`)
  const view = new DataView(start.buffer)
  const headerStart = version === 1 ? 10 : 12
  const headerBytes = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  const dataStart = headerStart + headerBytes
  if (headerBytes > maxHeaderBytes || dataStart > fileBytes)
    throw new CorruptDataError(`${path}: the npy header should have ${headerBytes} bytes; the file has ${fileBytes}`)
  const header = new Uint8Array(headerBytes)
  await files.read(path, headerStart, header)
  const { dtype, fortranOrder, shape } = parseNpyHeader(path, decodeUtf8(header, `${path}: the npy header`))
  if (checkedElementCount(shape) === undefined)
    throw new CorruptDataError(`${path}: the shape (${shape.join(', ')}) is too large`)
  const info = describeTensor(name, shape, dtype)
  if (dataStart + info.byteLength !== fileBytes)
    throw new CorruptDataError(
      `${path} has ${fileBytes - dataStart} bytes of data, but ${dtype} (${shape.join(', ')}) needs ${info.byteLength}`,
    )
  const strides = fortranOrder ? columnMajorStrides(shape) : undefined
  const isStrided = strides !== undefined && !isContiguous(shape, strides)
  return { info, path, byteOffset: dataStart, ...(isStrided ? { strides } : {}) }
}
