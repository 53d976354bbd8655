import { InternalError } from '@flexgen/spec'
import { type LinearForm, termsOf } from './linear-form.ts'
import type { LinearProgram } from './linear-program.ts'

// A name that starts with an e would read as the exponent of the coefficient before it.
const plainName = /^[a-df-z_][a-z0-9_]*$/i

/** Words of the format itself, which HiGHS reads in any case. */
const reserved = new Set(
  'minimize maximize minimum maximum min max subject such st to that bounds bound free inf infinity general generals gen integers integer binary binaries bin semi sin sos'.split(
    ' ',
  ),
)

/**
 * A program in the CPLEX LP format, in full precision. Constants of rows are moved to the right; a constant of the
 * objective is left out, since it changes no optimum.
 * @throws {InternalError} for a name that the format cannot hold or a number that is not finite
 */
export function printLinearProgram({ minimize, rows }: LinearProgram): string {
  const some = [minimize, ...rows.map((row) => row.form)].flatMap(termsOf)[0]?.[0]
  if (some === undefined) throw new InternalError('a linear program without variables')
  const lines = rows.map(
    ({ name, form, relation }) =>
      ` ${checkName(name)}: ${printTerms(form, some)} ${relation} ${printNumber(0 - form.constant)}`,
  )
  return ['Minimize', ` cost: ${printTerms(minimize, some)}`, 'Subject To', ...lines, 'End', ''].join('\n')
}

/** Terms with their signs; a row without any is written with a variable times 0, since the format wants one. */
function printTerms(form: LinearForm, anyName: string): string {
  const terms = termsOf(form).filter(([, coefficient]) => coefficient !== 0)
  if (terms.length === 0) return `0 ${checkName(anyName)}`
  return terms
    .map(([name, coefficient], i) => {
      const sign = coefficient < 0 ? '- ' : i === 0 ? '' : '+ '
      return `${sign}${printNumber(Math.abs(coefficient))} ${checkName(name)}`
    })
    .join(' ')
}

function printNumber(value: number): string {
  if (!Number.isFinite(value)) throw new InternalError(`a linear program with the number ${value}`)
  return String(value)
}

function checkName(name: string): string {
  if (plainName.test(name) && !reserved.has(name.toLowerCase())) return name
  throw new InternalError(`the name ${name} cannot stand in a linear program`)
}
