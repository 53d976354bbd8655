import { type LinearForm, linearForm, scaleForm } from '../lp/linear-form.ts'
import type { LinearSolver } from '../lp/linear-program.ts'
import { blockProgram, timeRow } from './block-program.ts'
import { type SolvedBlock, solveShares } from './solve-block.ts'
import { shareNames, type Shares } from './shares.ts'

/**
 * The corners of a degenerate optimum: the policies that are as fast as the fastest and have the most or the least of
 * some share or tier; a single one where nothing else is as fast. The first keeps KV off the disk and then puts the most
 * weights there, which is where the original's solver ends for its own example (12 78 0 100 0 100).
 */
export function optimalCorners(solver: LinearSolver, block: SolvedBlock): Shares[] {
  const rows = [...blockProgram(block.model).rows, timeRow(block.model, block.blockSeconds)]
  const corners: Shares[] = []
  const add = (shares: Shares | undefined): void => {
    if (shares === undefined || corners.some((corner) => isNear(corner, shares))) return
    corners.push(tidy(shares))
  }
  // Both wishes in one program: the first outweighs what the second can gain.
  add(solveShares(solver, { minimize: linearForm({ cn: 1000, wn: -1 }), rows }))
  for (const goal of [...shareNames.map((name) => linearForm({ [name]: 1 })), ...bytesOfTiers(block)]) {
    add(solveShares(solver, { minimize: goal, rows }))
    add(solveShares(solver, { minimize: scaleForm(goal, -1), rows }))
  }
  return corners
}

/** Weights and KV on every tier, in parts of all of them. */
function bytesOfTiers({ model }: SolvedBlock): LinearForm[] {
  const { weights, cache } = model.peaks.find((peak) => peak.tier === 'disk')!.bytes
  const weightBytes = weights.coefficients.wn ?? 0
  const cacheBytes = cache.coefficients.cn ?? 0
  const ofAll = 1 / (weightBytes + cacheBytes)
  return (['g', 'c', 'n'] as const).map((tier) =>
    linearForm({ [`w${tier}`]: weightBytes * ofAll, [`c${tier}`]: cacheBytes * ofAll }),
  )
}

/** Whether two corners are the same but for rounding: within a tenth of a percent. */
function isNear(a: Shares, b: Shares): boolean {
  return shareNames.every((name) => Math.abs(a[name] - b[name]) < 1e-3)
}

/** Shares without the traces of the room that `timeRow` leaves: a millionth here or there is nothing. */
function tidy(shares: Shares): Shares {
  const three = (g: number, c: number, n: number): number[] => {
    const some = [g, c, n].map((share) => (share < 1e-6 ? 0 : share))
    const sum = some.reduce((total, share) => total + share, 0)
    return some.map((share) => share / sum)
  }
  const [wg, wc, wn] = three(shares.wg, shares.wc, shares.wn)
  const [cg, cc, cn] = three(shares.cg, shares.cc, shares.cn)
  const [hg, hc] = three(shares.hg, shares.hc, 0)
  return { wg: wg!, wc: wc!, wn: wn!, cg: cg!, cc: cc!, cn: cn!, hg: hg!, hc: hc! }
}
