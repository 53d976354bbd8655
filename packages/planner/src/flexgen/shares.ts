import type { Percent } from '../result/planned-policy.ts'

/**
 * Shares of weights, KV cache and activations (hidden states) on the GPU, in RAM (`c`) and on disk (`n`, NVMe), from 0
 * to 1, in the notation of the paper (section 4.3). Activations on disk do not exist in FlexGen's runtime.
 */
export const shareNames = ['wg', 'wc', 'wn', 'cg', 'cc', 'cn', 'hg', 'hc'] as const

/** Name of a share. */
export type ShareName = (typeof shareNames)[number]

/** A value for every share. */
export type Shares = Readonly<Record<ShareName, number>>

/** The shares that six percents stand for. */
export function sharesOf([wg, wc, cg, cc, hg, hc]: Percent): Shares {
  return {
    wg: wg / 100,
    wc: wc / 100,
    wn: (100 - wg - wc) / 100,
    cg: cg / 100,
    cc: cc / 100,
    cn: (100 - cg - cc) / 100,
    hg: hg / 100,
    hc: hc / 100,
  }
}

/** Six percents of shares. */
export function percentOfShares({ wg, wc, cg, cc, hg, hc }: Shares): Percent {
  return [100 * wg, 100 * wc, 100 * cg, 100 * cc, 100 * hg, 100 * hc]
}
