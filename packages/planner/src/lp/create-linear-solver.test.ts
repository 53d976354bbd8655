import { describe, expect, it } from 'vitest'
import { createLinearSolver } from './create-linear-solver.ts'
import { linearForm } from './linear-form.ts'

const solver = await createLinearSolver()

describe('the linear solver', () => {
  it('finds a corner', () => {
    const outcome = solver.solve({
      minimize: linearForm({ x: -1, y: -2 }),
      rows: [
        { name: 'a', form: linearForm({ x: 1, y: 1 }, -4), relation: '<=' },
        { name: 'b', form: linearForm({ x: 1, y: 3 }, -6), relation: '<=' },
      ],
    })
    expect(outcome).toEqual({ status: 'optimal', values: { x: 3, y: 1 } })
  })

  it('says where there is nothing', () => {
    const outcome = solver.solve({
      minimize: linearForm({ x: 1 }),
      rows: [{ name: 'a', form: linearForm({ x: 1 }, 1), relation: '<=' }],
    })
    expect(outcome).toEqual({ status: 'infeasible' })
  })

  it('calls a program without an end a bug', () => {
    const rows = [{ name: 'a', form: linearForm({ x: 1 }), relation: '>=' as const }]
    expect(() => solver.solve({ minimize: linearForm({ x: -1 }), rows })).toThrow('Unbounded')
  })
})
