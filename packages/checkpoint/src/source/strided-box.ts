/** One dimension of a box: how many values, and how far apart they are in the file and in the target. */
export interface BoxDimension {
  readonly size: number
  readonly stride: number
  readonly targetStride: number
}

/** A rectangular piece of a strided tensor; positions are in elements, from the tensor's first value. */
export interface StridedBox {
  readonly start: number
  readonly target: number
  readonly dimensions: readonly BoxDimension[]
}

/**
 * Cuts the values `begin` to `end` of a tensor, counted in row-major order, into rectangular boxes: at most two per
 * dimension for the ragged ends, and one between them.
 */
export function boxesOfRange(
  shape: readonly number[],
  strides: readonly number[],
  begin: number,
  end: number,
): StridedBox[] {
  const boxes: StridedBox[] = []

  function visit(dimension: number, from: number, to: number, start: number, target: number): void {
    if (from >= to) return
    const inner = shape.slice(dimension + 1)
    const innerCount = inner.reduce((product, size) => product * size, 1)
    const stride = strides[dimension] ?? 0
    const first = Math.floor(from / innerCount)
    const head = from - first * innerCount
    if (dimension < shape.length && head > 0) {
      const stop = Math.min(to, (first + 1) * innerCount)
      visit(dimension + 1, head, stop - first * innerCount, start + first * stride, target)
      visit(dimension, stop, to, start, target + stop - from)
      return
    }
    const whole = Math.floor((to - from) / innerCount)
    if (whole > 0) {
      let targetStride = innerCount
      const dimensions = inner.map((size, i) => {
        targetStride /= size
        return { size, stride: strides[dimension + 1 + i]!, targetStride }
      })
      const own = { size: whole, stride, targetStride: innerCount }
      boxes.push({ start: start + first * stride, target, dimensions: [own, ...dimensions] })
    }
    const done = whole * innerCount
    visit(dimension + 1, 0, to - from - done, start + (first + whole) * stride, target + done)
  }

  visit(0, begin, end, 0, 0)
  return boxes
}
