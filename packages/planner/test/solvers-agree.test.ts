import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { solve as solveWithYalps } from 'yalps'
import { flexgenT4 } from '../src/hardware/flexgen-t4.ts'
import { blockModel, blockSeconds, peakBytes } from '../src/flexgen/block-model.ts'
import { blockProgram } from '../src/flexgen/block-program.ts'
import type { BatchSplit, FlexgenProblem } from '../src/flexgen/flexgen-problem.ts'
import type { Shares } from '../src/flexgen/shares.ts'
import { evaluateBlock, solveBlock } from '../src/flexgen/solve-block.ts'
import { createLinearSolver } from '../src/lp/create-linear-solver.ts'
import { evaluateForm, linearForm, termsOf } from '../src/lp/linear-form.ts'
import type { LinearProgram } from '../src/lp/linear-program.ts'

const solver = await createLinearSolver()

/** The optimum by the second solver; undefined where it finds none. */
function secondOpinion({ minimize, rows }: LinearProgram): number | undefined {
  const variables = new Map<string, Map<string, number>>()
  const put = (name: string, row: string, coefficient: number): void => {
    const column = variables.get(name) ?? new Map<string, number>()
    variables.set(name, column.set(row, coefficient))
  }
  for (const [name, coefficient] of termsOf(minimize)) put(name, 'cost', coefficient)
  for (const { name: row, form } of rows) for (const [name, coefficient] of termsOf(form)) put(name, row, coefficient)
  const constraints = rows.map(({ name, form, relation }) => {
    const bound = -form.constant
    return [name, relation === '=' ? { equal: bound } : relation === '<=' ? { max: bound } : { min: bound }] as const
  })
  const { status, result } = solveWithYalps({ direction: 'minimize', objective: 'cost', constraints, variables })
  return status === 'optimal' ? result : undefined
}

function costOf(program: LinearProgram): number | undefined {
  const outcome = solver.solve(program)
  if (outcome.status === 'infeasible') return undefined
  return evaluateForm(program.minimize, outcome.values)
}

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a))

const smallNumber = fc.integer({ min: -9, max: 9 })
const cost = fc.integer({ min: 1, max: 9 })
const smallPrograms: fc.Arbitrary<LinearProgram> = fc.record({
  // All costs above 0, so that no program is without an end.
  minimize: fc.tuple(cost, cost, cost).map(([x, y, z]) => linearForm({ x, y, z })),
  rows: fc
    .array(
      fc.tuple(
        smallNumber,
        smallNumber,
        smallNumber,
        smallNumber,
        fc.constantFrom('<=' as const, '=' as const, '>=' as const),
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map((rows) =>
      rows.map(([x, y, z, constant, relation], i) => ({
        name: `r${i}`,
        form: linearForm({ x, y, z }, constant),
        relation,
      })),
    ),
})

const gib = 2 ** 30
const problems: fc.Arbitrary<FlexgenProblem> = fc.record({
  shape: fc.record({
    name: fc.constant('any'),
    decoderLayers: fc.integer({ min: 1, max: 96 }),
    hiddenSize: fc.constantFrom(768, 2048, 4096, 7168, 12288),
    ffnSize: fc.constantFrom(3072, 16384, 49152),
    heads: fc.constantFrom(12, 32, 96),
  }),
  promptTokens: fc.integer({ min: 1, max: 2048 }),
  newTokens: fc.integer({ min: 1, max: 1024 }),
  constants: fc.constant(flexgenT4.flexgen!),
  allowedBytes: fc.record({
    device: fc.integer({ min: 0, max: 40 }).map((n) => n * gib),
    ram: fc.integer({ min: 0, max: 300 }).map((n) => n * gib),
    disk: fc.integer({ min: 0, max: 2000 }).map((n) => n * gib),
  }),
  compressWeight: fc.boolean(),
})
const splits: fc.Arbitrary<BatchSplit> = fc.record({
  gpuBatchSize: fc.constantFrom(1, 2, 4, 16, 64),
  numGpuBatches: fc.integer({ min: 1, max: 40 }),
})

/** All ways to cut a whole into three in steps of a fifth. */
const thirds = Array.from({ length: 6 }, (_, a) =>
  Array.from({ length: 6 - a }, (__, b) => [a / 5, b / 5, (5 - a - b) / 5] as const),
).flat()
const grid: Shares[] = thirds.flatMap(([wg, wc, wn]) =>
  thirds.flatMap(([cg, cc, cn]) => [0, 0.5, 1].map((hg) => ({ wg, wc, wn, cg, cc, cn, hg, hc: 1 - hg }))),
)

describe('the linear solver', () => {
  it('finds what the second solver finds, on small programs', () => {
    fc.assert(
      fc.property(smallPrograms, (program) => {
        const [first, second] = [costOf(program), secondOpinion(program)]
        expect(first === undefined).toBe(second === undefined)
        if (first !== undefined && second !== undefined) expect(near(first, second)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it("finds what the second solver finds, on FlexGen's programs", () => {
    let feasible = 0
    fc.assert(
      fc.property(problems, splits, (problem, split) => {
        const program = blockProgram(blockModel(problem, split))
        const [first, second] = [costOf(program), secondOpinion(program)]
        if (first === undefined || second === undefined) expect(first).toBe(second)
        else {
          feasible += 1
          expect(near(first, second)).toBe(true)
        }
      }),
      { numRuns: 200 },
    )
    expect(feasible).toBeGreaterThan(20)
  })

  it('is beaten by no point of a grid, and gives shares that fit', () => {
    let feasible = 0
    fc.assert(
      fc.property(problems, splits, (problem, split) => {
        const block = solveBlock(solver, problem, split)
        const model = blockModel(problem, split)
        const fitting = grid.filter((shares) => evaluateBlock(problem, split, shares) !== undefined)
        if (block === undefined) {
          expect(fitting).toEqual([])
          return
        }
        feasible += 1
        const peaks = peakBytes(model, block.shares)
        for (const tier of ['device', 'ram', 'disk'] as const) {
          expect(peaks[tier]).toBeLessThanOrEqual(problem.allowedBytes[tier] * (1 + 1e-8) + 1)
        }
        for (const shares of fitting) {
          expect(blockSeconds(model, shares)).toBeGreaterThanOrEqual(block.blockSeconds * (1 - 1e-8))
        }
      }),
      { numRuns: 50 },
    )
    expect(feasible).toBeGreaterThan(5)
  })
})
