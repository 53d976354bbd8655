import type { LinearProgram, LinearSolver } from '../lp/linear-program.ts'
import { blockModel, type BlockModel, blockSeconds, peakBytes } from './block-model.ts'
import { blockProgram } from './block-program.ts'
import type { BatchSplit, FlexgenProblem } from './flexgen-problem.ts'
import { tierNames } from '../problem/tier-amounts.ts'
import type { SplitResult } from './search-split.ts'
import { shareNames, type Shares } from './shares.ts'

/** A batch split with shares that fit. */
export interface SolvedBlock extends SplitResult {
  readonly model: BlockModel
  readonly shares: Shares
}

/** The fastest shares of a split; undefined where none fit. */
export function solveBlock(solver: LinearSolver, problem: FlexgenProblem, split: BatchSplit): SolvedBlock | undefined {
  const model = blockModel(problem, split)
  const shares = solveShares(solver, blockProgram(model))
  return shares === undefined ? undefined : { ...split, model, shares, blockSeconds: blockSeconds(model, shares) }
}

/** A split with shares that are given; undefined where they do not fit. */
export function evaluateBlock(problem: FlexgenProblem, split: BatchSplit, shares: Shares): SolvedBlock | undefined {
  const model = blockModel(problem, split)
  const peaks = peakBytes(model, shares)
  const fits = tierNames.every((tier) => peaks[tier] <= problem.allowedBytes[tier] * (1 + 1e-9))
  return fits ? { ...split, model, shares, blockSeconds: blockSeconds(model, shares) } : undefined
}

/** The shares at a program's optimum, cleared of the solver's last digits. */
export function solveShares(solver: LinearSolver, program: LinearProgram): Shares | undefined {
  const outcome = solver.solve(program)
  if (outcome.status === 'infeasible') return undefined
  const shares = shareNames.map((name) => [name, snap(outcome.values[name] ?? 0)])
  return Object.fromEntries(shares) as Shares
}

function snap(share: number): number {
  if (Math.abs(share) < 1e-10) return 0
  return Math.abs(share - 1) < 1e-10 ? 1 : share
}
