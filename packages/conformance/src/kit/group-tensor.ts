import { elementCount, type GroupDType, q4Group, tensorBytes, widenFloat16 } from '@flexgen/spec'
import { narrowFloat16 } from './narrow.ts'
import type { Random } from './random.ts'
import type { TensorData } from './tensor-data.ts'

/** A tensor of random 4-bit groups; values are about -2 to 2. */
export function randomGroupTensor(random: Random, shape: readonly number[], dtype: GroupDType = 'q4g64'): TensorData {
  const bytes = Uint8Array.from({ length: tensorBytes(dtype, shape) }, () => random.integer(0, 255))
  for (let group = 0; group < bytes.length; group += q4Group.bytes) {
    const scaleAndMinimum = narrowFloat16([random.next() / 4, -random.next() * 2])
    bytes.set(new Uint8Array(scaleAndMinimum.buffer), group + q4Group.nibbleBytes)
  }
  return { dtype, shape, bytes }
}

/** The values of a tensor of 4-bit groups, row-major. */
export function valuesOfGroups({ dtype, shape, bytes }: TensorData): Float32Array {
  const width = shape.at(-1)!
  const rowGroups = Math.ceil(width / q4Group.values)
  return Float32Array.from({ length: elementCount(shape) }, (_, at) => {
    const [row, column] = [Math.floor(at / width), at % width]
    const [along, across] = dtype === 'q4g64c' ? [row, column] : [column, row]
    const block = Math.floor(along / q4Group.values)
    const group = dtype === 'q4g64c' ? block * width + across : across * rowGroups + block
    return valueOf(bytes.subarray(group * q4Group.bytes, (group + 1) * q4Group.bytes), along % q4Group.values)
  })
}

function valueOf(group: Uint8Array, index: number): number {
  const [scale, minimum] = [new Float32Array(1), new Float32Array(1)]
  const halves = new Uint16Array(group.slice(q4Group.nibbleBytes).buffer)
  widenFloat16(halves.subarray(0, 1), scale)
  widenFloat16(halves.subarray(1), minimum)
  const pair = group[Math.floor(index / 2)]!
  return minimum[0]! + (index % 2 === 0 ? pair >> 4 : pair & 15) * scale[0]!
}
