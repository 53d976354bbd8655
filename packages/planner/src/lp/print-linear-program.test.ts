import { describe, expect, it } from 'vitest'
import { linearForm } from './linear-form.ts'
import { printLinearProgram } from './print-linear-program.ts'

describe('printLinearProgram', () => {
  it('prints signs, constants on the right, and full precision', () => {
    const text = printLinearProgram({
      minimize: linearForm({ tpre: 1, tgen: -0.1 }, 5),
      rows: [
        { name: 'first', form: linearForm({ wg: -1.25e-9, tpre: 1 / 3 }, 2), relation: '<=' },
        { name: 'sum', form: linearForm({ wg: 1, wc: 0, wn: 1 }, -1), relation: '=' },
        { name: 'nothing', form: linearForm({}, -3), relation: '>=' },
        { name: 'big', form: linearForm({ wg: 1e21 }), relation: '>=' },
      ],
    })
    expect(text).toBe(`Minimize
 cost: 1 tpre - 0.1 tgen
Subject To
 first: - 1.25e-9 wg + 0.3333333333333333 tpre <= -2
 sum: 1 wg + 1 wn = 1
 nothing: 0 tpre >= 3
 big: 1e+21 wg >= 0
End
`)
  })

  it.each(['e1', 'E', 'a b', '', '1a', 'free', 'Infinity', 'st'])('refuses the name %j', (name) => {
    const program = { minimize: linearForm({ x: 1 }), rows: [] }
    expect(() => printLinearProgram({ ...program, minimize: linearForm({ [name]: 1 }) })).toThrow('cannot stand')
    const row = { name, form: linearForm({ x: 1 }), relation: '<=' as const }
    expect(() => printLinearProgram({ ...program, rows: [row] })).toThrow('cannot stand')
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses the number %f', (value) => {
    const row = { name: 'r', form: linearForm({ x: value }), relation: '<=' as const }
    expect(() => printLinearProgram({ minimize: linearForm({ x: 1 }), rows: [row] })).toThrow(`number ${value}`)
  })

  it('refuses a program without variables', () => {
    expect(() => printLinearProgram({ minimize: linearForm({}), rows: [] })).toThrow('without variables')
  })
})
