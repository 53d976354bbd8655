/** Three digits, as the tables of the documentation have them: `15.6`, `0.534`, `1570`. */
export function threeDigits(value: number): string {
  if (value === 0) return '0'
  const digits = Number(value.toPrecision(3))
  return Math.abs(digits) >= 1000 ? String(digits) : digits.toPrecision(3)
}

/** The middle value, or the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  return (sorted[Math.floor(half)]! + sorted[Math.ceil(half) - 1]!) / 2
}

/** Median, and the least and the most where there are several that differ: `15.6 [15.4 to 16.4]`. */
export function spreadOf(values: readonly number[]): string {
  if (values.length === 0) return ''
  const [least, most] = [threeDigits(Math.min(...values)), threeDigits(Math.max(...values))]
  const median = threeDigits(medianOf(values))
  return least === most ? median : `${median} [${least} to ${most}]`
}
