/**
 * A number as Python's `f'{value:.3f}'` writes it. JavaScript's `toFixed` rounds exact ties up, Python to even: FlexGen
 * writes 111.5625 as 111.562.
 */
export function pythonFixed3(value: number): string {
  // 2000 is 16 x 125, so only odd sixteenths lie exactly between two thousandths.
  const isTie = Math.abs((value * 16) % 2) === 1
  if (!isTie) return value.toFixed(3)
  const below = Math.floor(value * 1000)
  return ((below % 2 === 0 ? below : below + 1) / 1000).toFixed(3)
}
