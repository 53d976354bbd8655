import { createHash } from 'node:crypto'
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Compiler } from './find-compiler.ts'

const packageFolder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** Folder of the C sources. */
export const sourceFolder: string = path.join(packageFolder, 'native')

/** How the names of shared libraries end here. */
export const libraryExtension: 'dylib' | 'so' = process.platform === 'darwin' ? 'dylib' : 'so'

/** The C sources and headers, by their paths in `sourceFolder`. */
export function sourceFiles(): string[] {
  const names = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /\.[ch]$/.test(name)).toSorted()
}

/** Stands for what the library is made from: sources, flags and platform. */
export function sourcesKey(flags: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify([flags, process.platform, process.arch]))
  for (const name of sourceFiles()) hash.update(`${name}\0`).update(readFileSync(path.join(sourceFolder, name)))
  return hash.digest('hex').slice(0, 12)
}

/** Stands for what makes it. */
export function compilerKey({ command, version }: Compiler): string {
  return createHash('sha256').update(`${command}\0${version}`).digest('hex').slice(0, 8)
}

/**
 * Where compiled libraries are kept: `FLEXGEN_NATIVE_CACHE`, else in the package, as in a checkout, else in the user's
 * cache where the package cannot be written.
 */
export function libraryFolder(): string {
  const named = process.env['FLEXGEN_NATIVE_CACHE']
  if (named) return path.resolve(named)
  try {
    accessSync(packageFolder, constants.W_OK)
    return path.join(packageFolder, '.cache')
  } catch {
    return path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'flexgen', 'native')
  }
}
