import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { BackendUnavailableError } from '@flexgen/spec'
import { compileLibrary } from './compile-library.ts'
import { prebuiltPackages } from './prebuilt-packages.ts'

/** The library, and how it was found: for the report. */
export interface FoundLibrary {
  readonly path: string
  readonly origin: 'given' | 'prebuilt' | 'compiled here'
}

/**
 * Finds the library: the given path, else `FLEXGEN_NATIVE_LIBRARY`, else the prebuilt package of this platform, else
 * one that is compiled here.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE`
 */
export async function findLibrary(
  libraryPath: string | undefined = process.env['FLEXGEN_NATIVE_LIBRARY'],
): Promise<FoundLibrary> {
  if (libraryPath) {
    if (existsSync(libraryPath)) return { path: libraryPath, origin: 'given' }
    throw new BackendUnavailableError(`there is no library of the host kernels at ${libraryPath}`)
  }
  if (process.platform === 'win32')
    throw new BackendUnavailableError('the host kernels are not there for Windows yet', {
      hint: 'use --backend onnxruntime',
    })
  const prebuilt = findPrebuilt()
  if (prebuilt !== undefined) return { path: prebuilt, origin: 'prebuilt' }
  return { path: await compileLibrary(), origin: 'compiled here' }
}

/** Library of the optional package of this platform. */
function findPrebuilt(): string | undefined {
  const require = createRequire(import.meta.url)
  for (const name of prebuiltPackages()) {
    try {
      const found = require.resolve(`${name}/library`)
      // In a checkout the package is there, but its library only while it is packed.
      if (existsSync(found)) return found
    } catch {
      // Optional packages of other platforms are not installed.
    }
  }
  return undefined
}
