import type { OpenFiles } from '../file/open-files.ts'
import { type BoxDimension, boxesOfRange, type StridedBox } from './strided-box.ts'
import type { StoredTensor } from './stored-tensor.ts'

/** Bytes of the file that are held at once. */
const windowBytes = 4 * 2 ** 20
/** Below this a read costs as much as a smaller one. */
const smallBytes = 64 * 2 ** 10
/** Gaps are read along while at least one byte in so many is wanted. */
const maxSparsity = 8

function scatter(
  window: Uint8Array,
  target: Uint8Array,
  itemBytes: number,
  dimensions: readonly BoxDimension[],
  depth: number,
  from: number,
  to: number,
): void {
  const dimension = dimensions[depth]
  if (dimension === undefined) {
    for (let byte = 0; byte < itemBytes; byte++) target[to * itemBytes + byte] = window[from * itemBytes + byte]!
  } else if (depth === dimensions.length - 1 && dimension.stride === 1 && dimension.targetStride === 1) {
    target.set(window.subarray(from * itemBytes, (from + dimension.size) * itemBytes), to * itemBytes)
  } else {
    for (let i = 0; i < dimension.size; i++)
      scatter(
        window,
        target,
        itemBytes,
        dimensions,
        depth + 1,
        from + i * dimension.stride,
        to + i * dimension.targetStride,
      )
  }
}

/** Fills `target` with the values from `element` on of a strided tensor; whole elements only. */
async function readElements(
  files: OpenFiles,
  tensor: StoredTensor,
  itemBytes: number,
  element: number,
  target: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  let window = new Uint8Array(0)

  async function readBox({ start, target: to, dimensions }: StridedBox): Promise<void> {
    const reach = dimensions.reduce((sum, { size, stride }) => sum + (size - 1) * stride, 0)
    const wanted = dimensions.reduce((product, { size, stride }) => (stride > 0 ? product * size : product), 1)
    const spanBytes = (reach + 1) * itemBytes
    const dense = spanBytes <= smallBytes || wanted * itemBytes * maxSparsity >= spanBytes
    if (spanBytes <= windowBytes && dense) {
      if (window.byteLength < spanBytes) window = new Uint8Array(spanBytes)
      await files.read(tensor.path, tensor.byteOffset + start * itemBytes, window.subarray(0, spanBytes), signal)
      scatter(window, target, itemBytes, dimensions, 0, 0, to)
      return
    }
    // Halved along the longest stride: what is left reaches less far and is denser.
    const [longest, ...others] = dimensions as [BoxDimension, ...BoxDimension[]]
    const half = Math.floor(longest.size / 2)
    const with_ = (size: number): BoxDimension[] => (size === 1 ? others : [{ ...longest, size }, ...others])
    await readBox({ start, target: to, dimensions: with_(half) })
    await readBox({
      start: start + half * longest.stride,
      target: to + half * longest.targetStride,
      dimensions: with_(longest.size - half),
    })
  }

  const count = target.byteLength / itemBytes
  for (const box of boxesOfRange(tensor.info.shape, tensor.strides!, element, element + count)) {
    const dimensions = box.dimensions.filter(({ size }) => size > 1).toSorted((a, b) => b.stride - a.stride)
    await readBox({ ...box, dimensions })
  }
}

/**
 * Fills `target` with bytes of a strided tensor in row-major order: pieces of the file that are dense enough are read
 * whole and their values put into place.
 */
export async function readStrided(
  files: OpenFiles,
  tensor: StoredTensor,
  itemBytes: number,
  byteOffset: number,
  target: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  let done = 0
  while (done < target.byteLength) {
    const at = byteOffset + done
    const left = target.byteLength - done
    const ragged = at % itemBytes
    if (ragged === 0 && left >= itemBytes) {
      const part = target.subarray(done, done + left - (left % itemBytes))
      await readElements(files, tensor, itemBytes, at / itemBytes, part, signal)
      done += part.byteLength
    } else {
      const one = new Uint8Array(itemBytes)
      await readElements(files, tensor, itemBytes, Math.floor(at / itemBytes), one, signal)
      const bytes = one.subarray(ragged, Math.min(itemBytes, ragged + left))
      target.set(bytes, done)
      done += bytes.byteLength
    }
  }
}
