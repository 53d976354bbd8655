import { float16Bits } from './float16-bits.ts'
import { groupBatch, groupWords } from './group-batch.ts'

const infinity = 0x7c00
const notANumber = 0x7e00
const negativeZero = 0x8000

/**
 * Writes scale and minimum of the first `count` groups of the batch and sets their multipliers. A group that float16
 * cannot bound (a value is NaN or infinite, or its range is too large) gets NaN for both, so that it never looks
 * like numbers; one whose scale is 0 in float16 is constant.
 *
 * @returns how many groups are NaN
 */
export function writeScales(count: number): number {
  const { minimum, range, multiplier, words } = groupBatch()
  let notFinite = 0
  for (let group = 0; group < count; group++) {
    const distance = range[group]!
    let scale = float16Bits(Math.fround(distance / 15))
    let least = float16Bits(minimum[group]!)
    // Rounded twice, because PyTorch divides a number by a tensor so; FlexGen's ties hang on it.
    multiplier[group] = scale === 0 ? 0 : Math.fround(Math.fround(1 / distance) * 15)
    if ((scale & infinity) === infinity || (least & infinity) === infinity) {
      scale = notANumber
      least = notANumber
      multiplier[group] = 0
      notFinite++
    }
    if (least === negativeZero) least = 0
    words[group * groupWords + groupWords - 1] = scale | (least << 16)
  }
  return notFinite
}
