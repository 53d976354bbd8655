import type { LinearForm } from './linear-form.ts'

/** `form <= 0`, `form = 0` or `form >= 0`. */
export interface LinearRow {
  readonly name: string
  readonly form: LinearForm
  readonly relation: '<=' | '=' | '>='
}

/** A linear program over variables of 0 or more. */
export interface LinearProgram {
  readonly minimize: LinearForm
  readonly rows: readonly LinearRow[]
}

/** What became of a program: a corner of the feasible set, or none. */
export type LinearOutcome =
  | { readonly status: 'optimal'; readonly values: Readonly<Record<string, number>> }
  | { readonly status: 'infeasible' }

/** Solves linear programs. */
export interface LinearSolver {
  /** @throws {InternalError} for a program that is unbounded or that cannot be printed */
  solve(program: LinearProgram): LinearOutcome
}
