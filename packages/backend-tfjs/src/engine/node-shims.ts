import { createRequire } from 'node:module'

/** Functions of `node:util` that Node 23 removed and tfjs-node still calls. */
const removed: Readonly<Record<string, (value: unknown) => boolean>> = {
  isArray: Array.isArray,
  isBoolean: (value) => typeof value === 'boolean',
  isDate: (value) => value instanceof Date,
  isError: (value) => value instanceof Error,
  isFunction: (value) => typeof value === 'function',
  isNull: (value) => value === null,
  isNullOrUndefined: (value) => value === null || value === undefined,
  isNumber: (value) => typeof value === 'number',
  isObject: (value) => typeof value === 'object' && value !== null,
  isPrimitive: (value) => (typeof value !== 'object' && typeof value !== 'function') || value === null,
  isRegExp: (value) => value instanceof RegExp,
  isString: (value) => typeof value === 'string',
  isSymbol: (value) => typeof value === 'symbol',
  isUndefined: (value) => value === undefined,
}

/**
 * Puts the removed functions back where they are missing, for all that `require('util')` in this process; returns the names.
 */
export function restoreRemovedUtilities(): string[] {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>
  const missing = Object.keys(removed).filter((name) => !(name in util))
  for (const name of missing) util[name] = removed[name]
  return missing
}
