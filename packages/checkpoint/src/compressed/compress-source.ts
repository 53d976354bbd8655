import {
  AbortedError,
  CorruptDataError,
  type GroupDType,
  pieceRows,
  type TensorInfo,
  tensorBytes,
  type WeightSource,
} from '@flexgen/spec'
import type { DummySource } from '../dummy/create-dummy-source.ts'
import type { CompressedTensor } from './compressed-tensor.ts'
import { quantizeValues } from './quantize-values.ts'
import { createRepeatedReader } from './repeated-reader.ts'
import { createScratch, type Scratch } from './scratch.ts'
import { checkRange } from '../source/tensor-range.ts'
import { quoteName } from '../text/one-line.ts'

/** Bytes of the original that are compressed at a time. */
const stepBytes = 4 * 2 ** 20

/**
 * A source whose matrices come in 4 bits a value, compressed as they are read; what is not among `forms`, no matrix of
 * floats or compressed already stays as it is. The source given is used, not owned.
 * @param forms the 4-bit form of every tensor that shall be compressed, by name (`chooseWeightForms` in core)
 */
export function compressSource(source: WeightSource, forms: ReadonlyMap<string, GroupDType>): WeightSource {
  const scratch = createScratch()
  const readRepeated = isRepeating(source) ? createRepeatedReader(source, scratch) : undefined
  const compressed = new Map<string, CompressedTensor>()
  const tensors = new Map<string, TensorInfo>()
  for (const [name, original] of source.tensors) {
    const form = forms.get(name)
    if (form === undefined || original.shape.length !== 2 || !isOriginal(original)) tensors.set(name, original)
    else {
      const info = { name, shape: original.shape, dtype: form, byteLength: tensorBytes(form, original.shape) }
      tensors.set(name, info)
      compressed.set(name, { info, form, original })
    }
  }
  return {
    specificationVersion: 'v1',
    description: `${source.description}, compressed to 4 bits`,
    tensors,
    extents(name, byteOffset, byteLength) {
      const tensor = compressed.get(name)
      if (tensor === undefined) return source.extents(name, byteOffset, byteLength)
      checkRange(name, tensor.info.byteLength, byteOffset, byteLength)
      return undefined
    },
    async read(name, byteOffset, target, signal) {
      const tensor = compressed.get(name)
      if (tensor === undefined) return source.read(name, byteOffset, target, signal)
      checkRange(name, tensor.info.byteLength, byteOffset, target.byteLength)
      const done = (await readRepeated?.(tensor, byteOffset, target, signal)) ?? 0
      if (done === target.byteLength) return
      await readCompressed(source, tensor, scratch, byteOffset + done, target.subarray(done), signal)
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function isOriginal(info: TensorInfo): info is CompressedTensor['original'] {
  return info.dtype === 'float32' || info.dtype === 'float16' || info.dtype === 'bfloat16'
}

function isRepeating(source: WeightSource): source is DummySource {
  return 'repeated' in source
}

/** Compresses the lines (pieces of whole groups) that a byte range touches, some at a time. */
async function readCompressed(
  source: WeightSource,
  { info, form, original }: CompressedTensor,
  scratch: Scratch,
  byteOffset: number,
  target: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [rows, width] = original.shape as readonly [number, number]
  const lineRows = pieceRows(form)
  const lineBytes = info.byteLength / Math.ceil(rows / lineRows)
  const rowBytes = original.byteLength / rows
  const stepLines = Math.max(1, Math.floor(stepBytes / (lineRows * rowBytes)))
  const end = byteOffset + target.byteLength
  const endLine = Math.ceil(end / lineBytes)
  for (let line = Math.floor(byteOffset / lineBytes); line < endLine; line += stepLines) {
    if (signal?.aborted) throw new AbortedError('reading was stopped', { cause: signal.reason })
    const firstRow = line * lineRows
    const rowCount = Math.min(rows - firstRow, Math.min(stepLines, endLine - line) * lineRows)
    const raw = scratch.take(rowCount * rowBytes)
    const bytes = scratch.take(Math.ceil(rowCount / lineRows) * lineBytes)
    try {
      await source.read(info.name, firstRow * rowBytes, raw, signal)
      if (quantizeValues(form, original.dtype, raw, width, bytes) > 0) {
        throw new CorruptDataError(`${quoteName(info.name)} has values that 4 bits cannot hold: NaN or infinite`)
      }
      const start = line * lineBytes
      const from = Math.max(byteOffset, start)
      const to = Math.min(end, start + bytes.byteLength)
      target.set(bytes.subarray(from - start, to - start), from - byteOffset)
    } finally {
      scratch.give(raw)
      scratch.give(bytes)
    }
  }
}
