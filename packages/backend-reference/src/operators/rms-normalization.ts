/** x / sqrt(mean(x^2) + epsilon) * scale over rows of the width of scale. */
export function rmsNormalization(x: Float32Array, scale: Float32Array, epsilon: number): Float32Array {
  const width = scale.length
  const y = new Float32Array(x.length)
  for (let from = 0; from < x.length; from += width) {
    let squares = 0
    for (let i = 0; i < width; i++) squares += x[from + i]! ** 2
    const inverse = 1 / Math.sqrt(squares / width + epsilon)
    for (let i = 0; i < width; i++) y[from + i] = x[from + i]! * inverse * scale[i]!
  }
  return y
}
