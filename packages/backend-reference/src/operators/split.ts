/** Cuts rows into pieces of the given sizes, one output each. */
export function split(x: Float32Array, sizes: readonly number[]): Float32Array[] {
  const width = sizes.reduce((sum, size) => sum + size, 0)
  const rows = x.length / width
  let from = 0
  return sizes.map((size) => {
    const y = new Float32Array(rows * size)
    for (let row = 0; row < rows; row++) y.set(x.subarray(row * width + from, row * width + from + size), row * size)
    from += size
    return y
  })
}
