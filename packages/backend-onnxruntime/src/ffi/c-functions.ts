import type { Koffi } from './koffi-library.ts'

/** An address of host memory, memory of JavaScript that is read or written, or null. */
export type CPointer = bigint | ArrayBufferView | null

/** How a parameter is passed in C: an `address` is a 64-bit integer there. */
export type CType = 'pointer' | 'string' | 'int' | 'size' | 'address'

type TypeOf<Value> = Value extends string ? 'string' : Value extends number ? 'int' | 'size' : 'pointer' | 'address'
type TypesOf<Values extends readonly unknown[]> = { readonly [I in keyof Values]: TypeOf<Values[I]> }

/** Functions of a library that return a status, by the names that they have here. */
type StatusFunctions<Functions> = { [Name in keyof Functions]: (...values: never[]) => void }

/** Symbol in the library and C types of the parameters; a wrong entry crashes the process. */
export type CFunctions<Functions extends StatusFunctions<Functions>> = {
  readonly [Name in keyof Functions]: readonly [symbol: string, parameters: TypesOf<Parameters<Functions[Name]>>]
}

/** C's names of the types. */
export const cTypes: Readonly<Record<CType, string>> = {
  pointer: 'void *',
  string: 'str',
  int: 'int',
  size: 'size_t',
  address: 'uint64_t',
}

type Library = ReturnType<Koffi['load']>

/** A function of a library as koffi gives it. */
export type RawFunction = (...values: unknown[]) => number

/**
 * Binds functions of a library whose status is 0 where they succeed.
 * @param toError the error for a failed call: `what` is its name, such as `memory allocate`
 */
export function bindFunctions<Functions extends StatusFunctions<Functions>>(
  library: Library,
  functions: CFunctions<Functions>,
  toError: (what: string, status: number) => unknown,
): Functions {
  const table = Object.entries<readonly [string, readonly CType[]]>(functions)
  const bound = table.map(([name, [symbol, parameters]]) => {
    const types = parameters.map((parameter) => cTypes[parameter])
    const raw = library.func(symbol, 'int', types) as RawFunction
    const what = inWords(name)
    const checked: RawFunction = (...values) => {
      const status = raw(...values)
      if (status !== 0) throw toError(what, status)
      return status
    }
    return [name, checked] as const
  })
  return Object.fromEntries(bound) as unknown as Functions
}

/** `createIoBinding` reads as `create io binding` in a message. */
export function inWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
