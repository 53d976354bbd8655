import { InternalError } from '@flexgen/spec'
import type { LinearOutcome, LinearProgram, LinearSolver } from './linear-program.ts'
import { printLinearProgram } from './print-linear-program.ts'

/**
 * Tolerances are at their least, so that equal costs of two batch splits stay equal to nine digits; presolve costs more
 * than it saves with ten variables.
 */
const options = {
  output_flag: false,
  presolve: 'off',
  primal_feasibility_tolerance: 1e-10,
  dual_feasibility_tolerance: 1e-10,
} as const

/** Loads HiGHS (WebAssembly, some 50 ms). */
export async function createLinearSolver(): Promise<LinearSolver> {
  const { default: loadHighs } = await import('highs')
  // The types of the package are those of a CommonJS module, what is imported is an ES module.
  const highs = await (loadHighs as unknown as typeof loadHighs.default)()
  return {
    solve(program: LinearProgram): LinearOutcome {
      const text = printLinearProgram(program)
      const first = highs.solve(text, options)
      // Without presolve HiGHS cannot prove some programs infeasible, and says so.
      const solution = first.Status === 'Unknown' ? highs.solve(text, { ...options, presolve: 'on' }) : first
      if (solution.Status === 'Infeasible') return { status: 'infeasible' }
      if (solution.Status !== 'Optimal') {
        throw new InternalError(`HiGHS calls a linear program of the planner ${solution.Status}`)
      }
      const columns = Object.entries(solution.Columns)
      return { status: 'optimal', values: Object.fromEntries(columns.map(([name, { Primal }]) => [name, Primal])) }
    },
  }
}
