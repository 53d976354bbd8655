const maxRank = 64

/** Whether a value is a whole number of 0 or more that JavaScript holds exactly. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Whether a value is a list of at most 64 counts. */
export function isCountList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= maxRank && value.every(isCount)
}

/** Number of values of a shape, or undefined where it or any partial product is too large to be exact. */
export function checkedElementCount(shape: readonly number[]): number | undefined {
  let count = 1
  for (const dimension of shape) {
    // A zero must not hide that the other dimensions are absurd.
    count *= Math.max(dimension, 1)
    if (!Number.isSafeInteger(count * 16)) return undefined
  }
  return shape.includes(0) ? 0 : count
}
