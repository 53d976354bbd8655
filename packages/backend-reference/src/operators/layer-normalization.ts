/** (x - mean) / sqrt(variance + epsilon) * scale + bias over rows of the width of scale; the variance is biased. */
export function layerNormalization(
  x: Float32Array,
  scale: Float32Array,
  bias: Float32Array,
  epsilon: number,
): Float32Array {
  const width = scale.length
  const y = new Float32Array(x.length)
  for (let from = 0; from < x.length; from += width) {
    let sum = 0
    for (let i = 0; i < width; i++) sum += x[from + i]!
    const mean = sum / width
    let squares = 0
    for (let i = 0; i < width; i++) squares += (x[from + i]! - mean) ** 2
    const inverse = 1 / Math.sqrt(squares / width + epsilon)
    for (let i = 0; i < width; i++) y[from + i] = (x[from + i]! - mean) * inverse * scale[i]! + bias[i]!
  }
  return y
}
