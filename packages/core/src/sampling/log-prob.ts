/** Natural logarithm of the probability of an id under the softmax of its logits, summed in float64. */
export function logProb(logits: Float32Array, id: number): number {
  let highest = Number.NEGATIVE_INFINITY
  for (const logit of logits) if (logit > highest) highest = logit
  let total = 0
  for (const logit of logits) total += Math.exp(logit - highest)
  return logits[id]! - highest - Math.log(total)
}
