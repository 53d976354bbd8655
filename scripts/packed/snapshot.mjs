import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { root } from '../setup/paths.mjs'
import { workspacePackages } from './public-packages.mjs'

const shared = ['LICENSE', 'package.json', 'pnpm-workspace.yaml', 'tsconfig.base.json']
const made = new Set(['.cache', '.turbo', 'dist', 'node_modules'])
/** Never packed, and large. */
const unpacked = new Set(['test', 'training', 'fixtures'])

function filesBelow(folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = `${folder}/${entry.name}`
    if (entry.isDirectory()) return made.has(entry.name) || unpacked.has(entry.name) ? [] : filesBelow(file)
    return /\.(test\.ts|tsbuildinfo|so)$/.test(entry.name) ? [] : [file]
  })
}

/** All files that decide what is packed, from the root. */
export function packedInputs() {
  const folders = workspacePackages().flatMap(({ folder, manifest }) =>
    manifest.private ? [`${folder}/package.json`] : filesBelow(folder),
  )
  return [...shared, ...folders.toSorted()]
}

/** A short hash over files and those of this folder, which pack them. */
export function hashOf(files) {
  const hash = createHash('sha256').update(process.platform + process.arch)
  const scripts = readdirSync(import.meta.dirname).map((name) => `scripts/packed/${name}`)
  for (const file of [...files, ...scripts]) hash.update(`${file}\0`).update(readFileSync(path.join(root, file)))
  return hash.digest('hex').slice(0, 16)
}

/**
 * Copies files into an own workspace, with the installed dependencies of the checkout: built there, `dist` holds nothing
 * old, and the checkout may be worked on meanwhile.
 */
export function copyWorkspace(files, target) {
  for (const file of files) cpSync(path.join(root, file), path.join(target, file))
  symlinkSync(path.join(root, 'node_modules'), path.join(target, 'node_modules'), 'junction')
  for (const { folder } of workspacePackages()) {
    const modules = path.join(root, folder, 'node_modules')
    if (!existsSync(modules)) continue
    mkdirSync(path.join(target, folder), { recursive: true })
    // Links to neighbours are relative, and so lead to the copies.
    const filter = (file) => !/node_modules[\\/]\.[^\\/]+$/.test(file)
    cpSync(modules, path.join(target, folder, 'node_modules'), { recursive: true, verbatimSymlinks: true, filter })
  }
}
