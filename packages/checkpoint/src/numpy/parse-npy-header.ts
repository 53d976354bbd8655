import { CorruptDataError, type DType, UnsupportedDataError } from '@flexgen/spec'
import { isCountList } from '../source/checked-shape.ts'
import { oneLine } from '../text/one-line.ts'

/** What the header of an npy file says. */
export interface NpyHeader {
  readonly dtype: DType
  readonly fortranOrder: boolean
  readonly shape: readonly number[]
}

const dtypeOf: ReadonlyMap<string, DType> = new Map([
  ['<f4', 'float32'],
  ['<f2', 'float16'],
])

/** The only forms that numpy writes: a quoted string, a truth value, a tuple of integers; anything else is no match. */
const fieldForm = /\s*(['"])(\w+)\1\s*:\s*(?:(['"])([^'"\\]*)\3|(True|False)|\(([\dL,\s]*)\))\s*(,|(?=\}))/y

function parseTuple(text: string): number[] | undefined {
  const parts = text.split(',').map((part) => part.trim())
  // "(3,)" and "(2, 3)" are tuples, "(3)" is not.
  if (parts.length === 1 && parts[0] !== '') return undefined
  if (parts.at(-1) === '') parts.pop()
  return parts.every((part) => /^\d+L?$/.test(part)) ? parts.map((part) => Number.parseInt(part, 10)) : undefined
}

/**
 * Parses the header text of an npy file: a Python dict with `descr`, `fortran_order` and `shape`, and nothing else.
 * @throws {FlexgenError} `CORRUPT_DATA`, or `UNSUPPORTED_DATA` for element types other than `<f4` and `<f2`
 */
export function parseNpyHeader(path: string, text: string): NpyHeader {
  const fields = new Map<string, string | boolean | readonly number[] | undefined>()
  const fail = (problem: string): never => {
    throw new CorruptDataError(`${path}: the npy header ${problem}: ${oneLine(text.trim())}`)
  }
  const body = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1]
  if (body === undefined) return fail('is not a dict')
  if (/['"]descr['"]\s*:\s*\[/.test(body)) throw new UnsupportedDataError(`${path} has structured elements`)
  let at = 0
  const inside = `${body}}`
  while (inside.slice(at).trim() !== '}') {
    fieldForm.lastIndex = at
    const found = fieldForm.exec(inside)
    if (found === null) return fail('is malformed')
    const [, , name, , word, truth, tuple] = found
    if (fields.has(name!)) return fail(`has '${name}' twice`)
    if (fields.size === 3) return fail('has more than three fields')
    fields.set(name!, word ?? (truth === undefined ? parseTuple(tuple!) : truth === 'True'))
    at = fieldForm.lastIndex
  }
  const descr = fields.get('descr')
  const fortranOrder = fields.get('fortran_order')
  const shape = fields.get('shape')
  if (fields.size !== 3 || typeof descr !== 'string' || typeof fortranOrder !== 'boolean' || !isCountList(shape))
    return fail('lacks descr, fortran_order or shape')
  const dtype = dtypeOf.get(descr)
  if (dtype === undefined)
    throw new UnsupportedDataError(`${path} has elements of type '${oneLine(descr)}'; <f4 and <f2 are supported`, {
      hint: 'save the array as little-endian float32 or float16',
    })
  return { dtype, fortranOrder, shape }
}
