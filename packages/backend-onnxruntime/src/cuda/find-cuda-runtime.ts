import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { BackendUnavailableError, FlexgenError } from '@flexgen/spec'
import { findLibrary } from '../ffi/find-library.ts'
import type { Koffi } from '../ffi/koffi-library.ts'
import { cudaLibrariesOf } from './cuda-libraries.ts'

/** Where a CUDA provider was looked for, and what was found. */
export interface CudaRuntimeSearch {
  readonly libraryPath: string | undefined
  /** Libraries that were there, but without a CUDA provider beside them. */
  readonly withoutProvider: readonly string[]
  readonly folders: readonly string[]
}

const provider = 'libonnxruntime_providers_cuda.so'
const runtimePattern = /^libonnxruntime\.so(\.\d+)*$/

/** The one command that gets a library with a CUDA provider. */
export const cudaInstallHint =
  'pip install "onnxruntime-gpu[cuda,cudnn]" (CUDA 13 or 12 with cuDNN 9) and set ORT_LIBRARY to the libonnxruntime.so.* in its folder onnxruntime/capi'

/** Looks for an ONNX Runtime with a CUDA provider: `ORT_LIBRARY` alone, else onnxruntime-node's and pip packages' folders. */
export function searchCudaRuntime(given: string | undefined = process.env['ORT_LIBRARY']): CudaRuntimeSearch {
  const candidates = given ? [given] : [...nodeLibrary(), ...pipLibraries()]
  const hasProvider = (library: string): boolean => existsSync(path.join(path.dirname(library), provider))
  return {
    libraryPath: candidates.find((library) => existsSync(library) && hasProvider(library)),
    withoutProvider: candidates.filter((library) => existsSync(library) && !hasProvider(library)),
    folders: [...new Set(candidates.map((library) => path.dirname(library)))],
  }
}

/** An ONNX Runtime with a CUDA provider, and what helps where that cannot be loaded. */
export interface CudaRuntime {
  readonly libraryPath: string
  readonly hint: string
}

/**
 * An ONNX Runtime with a CUDA provider beside it, whose CUDA libraries are loaded where pip brought them.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE`
 */
export function findCudaRuntime(koffi: Koffi, given?: string): CudaRuntime {
  const { libraryPath, withoutProvider, folders } = searchCudaRuntime(given)
  if (libraryPath === undefined) {
    const found =
      withoutProvider.length > 0
        ? `${withoutProvider.join(', ')} has none beside it`
        : `looked in ${folders.join(', ')}`
    throw new BackendUnavailableError(`there is no ONNX Runtime with a CUDA provider: ${found}`, {
      hint: cudaInstallHint,
    })
  }
  const { major, files, missing } = cudaLibrariesOf(libraryPath)
  preload(koffi, files)
  const lacks = missing.length === 0 ? '' : `; of CUDA ${major} no pip package has ${missing.join(', ')}`
  return { libraryPath, hint: `${cudaInstallHint}${lacks}` }
}

function nodeLibrary(): string[] {
  try {
    return [findLibrary('')]
  } catch (error) {
    if (FlexgenError.isInstance(error)) return []
    throw error
  }
}

/** Libraries in `onnxruntime/capi` of the Python environments that the shell knows of. */
function pipLibraries(): string[] {
  return sitePackages().flatMap((folder) => {
    const capi = path.join(folder, 'onnxruntime', 'capi')
    return list(capi)
      .filter((name) => runtimePattern.test(name))
      .map((name) => path.join(capi, name))
  })
}

function sitePackages(): string[] {
  const roots = [process.env['VIRTUAL_ENV'], process.env['CONDA_PREFIX'], '/usr/local', '/usr'].filter(
    (root): root is string => root !== undefined && root !== '',
  )
  return roots.flatMap((root) =>
    list(path.join(root, 'lib'))
      .filter((name) => name.startsWith('python3'))
      .flatMap((name) => ['site-packages', 'dist-packages'].map((end) => path.join(root, 'lib', name, end))),
  )
}

const preloaded: unknown[] = []

/** Loads CUDA's libraries from the pip packages beside ONNX Runtime's, where the system's loader does not look. */
function preload(koffi: Koffi, files: readonly string[]): void {
  if (preloaded.length > 0) return
  for (const file of files) {
    try {
      preloaded.push(koffi.load(file, { global: true }))
    } catch {
      // Whoever needs it says so when it is loaded.
    }
  }
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}
