import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../setup/paths.mjs'

/** Every package of the workspace: its folder from the root, and its package.json. */
export function workspacePackages() {
  return ['packages', 'apps']
    .flatMap((parent) => readdirSync(path.join(root, parent)).map((name) => `${parent}/${name}`))
    .filter((folder) => existsSync(path.join(root, folder, 'package.json')))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) }))
}

/** Those that are published. */
export const publicPackages = () => workspacePackages().filter(({ manifest }) => !manifest.private)

/** Whether a package holds a library that was built for one platform. */
export const isPrebuilt = ({ os }) => os !== undefined

/** Whether a package is for this machine: those with a built library are packed where it can be built. */
export const fitsHere = ({ os, cpu }) =>
  (os?.includes(process.platform) ?? true) && (cpu?.includes(process.arch) ?? true)
