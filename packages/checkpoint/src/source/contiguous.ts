/** Strides of a shape in row-major order, in elements. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  let stride = 1
  return shape
    .toReversed()
    .map((size) => {
      const own = stride
      stride *= size
      return own
    })
    .toReversed()
}

/** Strides of a shape in column-major (Fortran) order, in elements. */
export function columnMajorStrides(shape: readonly number[]): number[] {
  return rowMajorStrides(shape.toReversed()).toReversed()
}

/** Whether strides walk the values in row-major order without gaps; dimensions of size 1 do not matter. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  const expected = rowMajorStrides(shape)
  return shape.includes(0) || shape.every((size, i) => size === 1 || strides[i] === expected[i])
}
