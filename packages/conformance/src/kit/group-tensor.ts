import { elementCount, q4Group, widenFloat16 } from '@flexgen/spec'
import { narrowFloat16 } from './narrow.ts'
import type { Random } from './random.ts'
import type { TensorData } from './tensor-data.ts'

/** A tensor of random 4-bit groups along the last axis, which is a multiple of 64 wide; values are about -2 to 2. */
export function randomGroupTensor(random: Random, shape: readonly number[]): TensorData {
  const groups = elementCount(shape) / q4Group.values
  const bytes = Uint8Array.from({ length: groups * q4Group.bytes }, () => random.integer(0, 255))
  for (let group = 0; group < groups; group++) {
    const scaleAndMinimum = narrowFloat16([random.next() / 4, -random.next() * 2])
    bytes.set(new Uint8Array(scaleAndMinimum.buffer), group * q4Group.bytes + q4Group.nibbleBytes)
  }
  return { dtype: 'q4g64', shape, bytes }
}

/** The values of 4-bit groups, one after the other. */
export function valuesOfGroups({ shape, bytes }: TensorData): Float32Array {
  const [scale, minimum] = [new Float32Array(1), new Float32Array(1)]
  return Float32Array.from({ length: elementCount(shape) }, (_, at) => {
    const inGroup = at % q4Group.values
    const from = Math.floor(at / q4Group.values) * q4Group.bytes
    const halves = new Uint16Array(bytes.slice(from + q4Group.nibbleBytes, from + q4Group.bytes).buffer)
    widenFloat16(halves.subarray(0, 1), scale)
    widenFloat16(halves.subarray(1), minimum)
    const pair = bytes[from + Math.floor(inGroup / 2)]!
    return minimum[0]! + (inGroup % 2 === 0 ? pair >> 4 : pair & 15) * scale[0]!
  })
}
