import { lstatSync, readdirSync } from 'node:fs'
import path from 'node:path'

/** Bytes of all files below a folder; links count nothing. */
export function folderBytes(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const file = path.join(folder, entry.name)
    if (entry.isSymbolicLink()) return sum
    return sum + (entry.isDirectory() ? folderBytes(file) : lstatSync(file).size)
  }, 0)
}

/** Names of the packages in a node_modules folder of pnpm that are not from this repository, versions left out. */
export function outsidePackages(modules: string): string[] {
  const entries = readdirSync(path.join(modules, '.pnpm')).filter((name) => /.@/.test(name))
  const names = entries.map((name) => name.replace('+', '/').replace(/(?<=.)@.*$/, ''))
  return [...new Set(names)].filter((name) => name !== 'flexgen' && !name.startsWith('@flexgen/')).toSorted()
}
