import type { FloatArrays, FloatDType } from '../float-arrays.ts'
import { groupBatch } from './group-batch.ts'
import { quantizeFloat16Groups } from './quantize-float16-groups.ts'
import { quantizeFloat32Groups } from './quantize-float32-groups.ts'

/** Sets the staged values of a dtype to zeros, which is what groups are padded with. */
export function clearStaging(dtype: FloatDType): void {
  const { halves, floats } = groupBatch()
  if (dtype === 'float16') halves.fill(0)
  else floats.fill(0)
}

/**
 * Copies `count` values that lie behind each other in the source to the staging, `step` elements apart; bfloat16 is
 * widened on the way.
 */
export function stageValues<D extends FloatDType>(
  dtype: D,
  source: FloatArrays[D],
  from: number,
  to: number,
  step: number,
  count: number,
): void {
  if (dtype === 'float16') copyHalves(source as Uint16Array, from, to, step, count)
  else if (dtype === 'float32') copyFloats(source as Float32Array, from, to, step, count)
  else widenBfloats(source as Uint16Array, from, to, step, count)
}

// One small function for each dtype, so that the compiler inlines them and each sees arrays of one kind.

function copyHalves(source: Uint16Array, from: number, to: number, step: number, count: number): void {
  const { halves } = groupBatch()
  for (let i = 0, at = to; i < count; i++, at += step) halves[at] = source[from + i]!
}

function copyFloats(source: Float32Array, from: number, to: number, step: number, count: number): void {
  const { floats } = groupBatch()
  for (let i = 0, at = to; i < count; i++, at += step) floats[at] = source[from + i]!
}

function widenBfloats(source: Uint16Array, from: number, to: number, step: number, count: number): void {
  const { floatBits } = groupBatch()
  for (let i = 0, at = to; i < count; i++, at += step) floatBits[at] = source[from + i]! << 16
}

/**
 * Quantises the first `count` groups of the staging.
 * @returns how many groups are NaN
 */
export function quantizeStaging(dtype: FloatDType, count: number, target: Uint8Array, targetAt: number): number {
  const { halfPairs, floats } = groupBatch()
  return dtype === 'float16'
    ? quantizeFloat16Groups(halfPairs, 0, count, target, targetAt)
    : quantizeFloat32Groups(floats, 0, count, target, targetAt)
}
