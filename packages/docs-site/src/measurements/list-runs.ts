import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../pages.ts'

/** Any value of a JSON file. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** An object of a JSON file. */
export type JsonObject = { readonly [key: string]: Json }

/** A file of docs/measurements. */
export interface Run {
  /** Without folder and ending. */
  readonly name: string
  readonly values: JsonObject
}

/** Every measurement that is kept as JSON, by name. */
export function listRuns(): Run[] {
  const folder = path.join(root, 'docs/measurements')
  return globSync('*.json', { cwd: folder })
    .toSorted()
    .map((file) => ({
      name: path.basename(file, '.json'),
      values: JSON.parse(readFileSync(path.join(folder, file), 'utf8')),
    }))
}

/** Its title, or the name of the file: titles may be those of a suite. */
export function titleOfRun({ name, values }: Run): string {
  const title = values['title']
  return typeof title === 'string' && title.includes(' ') ? title : name
}

/** Whether a value is an object with names. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The objects of a list; none where it is no list. */
export function objectsOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter((one) => isObject(one)) : []
}
