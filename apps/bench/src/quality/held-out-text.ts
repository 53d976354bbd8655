import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../../data/held-out/', import.meta.url)

/** Documents that the demo model never saw, by name; where they come from says the README beside them. */
export function heldOutTexts(): ReadonlyMap<string, string> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.txt'))
  return new Map(files.toSorted().map((file) => [file, readFileSync(new URL(file, folder), 'utf8').trimEnd()]))
}
