import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './pages.ts'

/** A published package. */
export interface Package {
  readonly name: string
  readonly description: string
  /** From the root of the repository: `packages/core`. */
  readonly folder: string
  /** Its page of the API reference; undefined where there is nothing to import. */
  readonly api: string | undefined
}

/** All published packages with a README, the front door first. */
export function listPackages(): Package[] {
  const folders = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(path.join(root, parent)).map((name) => `${parent}/${name}`),
  )
  const hasAll = (folder: string) =>
    ['package.json', 'README.md'].every((file) => existsSync(path.join(root, folder, file)))
  return folders
    .filter((folder) => hasAll(folder))
    .map((folder) => ({ folder, ...JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) }))
    .filter((manifest) => manifest.private !== true)
    .map(({ name, description, folder, exports }) => ({
      name,
      description,
      folder,
      api: exports?.['.']?.types === undefined ? undefined : `/api/${name}`,
    }))
    .toSorted((a, b) => Number(b.name === 'flexgen') - Number(a.name === 'flexgen') || a.name.localeCompare(b.name))
}
