import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { BackendUnavailableError } from '@flexgen/spec'
import { compileLibrary } from './compile-library.ts'

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

/** Library of the optional package of this platform: `@flexgen/backend-native-linux-x64-gnu` and its like. */
function findPrebuilt(): string | undefined {
  const names = process.platform === 'linux' ? ['gnu', 'musl'].map((libc) => `${process.arch}-${libc}`) : [process.arch]
  const require = createRequire(import.meta.url)
  for (const name of names) {
    try {
      return require.resolve(`@flexgen/backend-native-${process.platform}-${name}`)
    } catch {
      // Optional packages of other platforms are not installed.
    }
  }
  return undefined
}
