import type { Percent } from './planned-policy.ts'

/**
 * Whole percents: of weights, cache and activations each, the three shares (the disk's too) are rounded so that they
 * still make 100, the largest remainders up. A share of nothing stays nothing.
 */
export function roundPercent(exact: Percent): Percent {
  const [wg, wc] = roundThree(exact[0], exact[1])
  const [cg, cc] = roundThree(exact[2], exact[3])
  const [hg, hc] = roundThree(exact[4], exact[5])
  return [wg, wc, cg, cc, hg, hc]
}

function roundThree(device: number, ram: number): readonly [device: number, ram: number] {
  // The remainders of what a solver gives must not hang on its last digits.
  const shares = [device, ram, 100 - device - ram].map((share) => Math.round(share * 1e6) / 1e6)
  const whole = shares.map(Math.floor)
  const order = [0, 1, 2].toSorted((a, b) => shares[b]! - whole[b]! - (shares[a]! - whole[a]!))
  const missing = 100 - whole.reduce((sum, share) => sum + share, 0)
  for (const at of order.slice(0, missing)) whole[at]! += 1
  return [whole[0]!, whole[1]!]
}
