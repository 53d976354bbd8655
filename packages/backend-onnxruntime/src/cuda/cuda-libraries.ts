import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** CUDA's libraries beside an ONNX Runtime that pip has brought. */
export interface CudaLibraries {
  /** Version of CUDA that it was built for, as far as that is known. */
  readonly major: '13' | '12' | undefined
  /** Files, in the order in which they need each other. */
  readonly files: readonly string[]
  /** Names that no package has; the system may have them. */
  readonly missing: readonly string[]
}

const named = {
  '13': ['cudart.so.13', 'nvJitLink.so.13', 'cublasLt.so.13', 'cublas.so.13', 'curand.so.10', 'cufft.so.12'],
  '12': ['cudart.so.12', 'nvJitLink.so.12', 'cublasLt.so.12', 'cublas.so.12', 'curand.so.10', 'cufft.so.11'],
} as const
const ofBoth = (major: '13' | '12'): string[] =>
  [...named[major], `nvrtc.so.${major}`, 'cudnn.so.9'].map((name) => `lib${name}`)

/**
 * Finds CUDA's libraries in the packages `nvidia-*` of the same Python environment: a folder for each library with CUDA 12,
 * one for all with CUDA 13. What pip says that ONNX Runtime was built for counts; else 13, then 12.
 */
export function cudaLibrariesOf(libraryPath: string): CudaLibraries {
  const capi = path.dirname(libraryPath)
  const packages = path.resolve(capi, '../../nvidia')
  const folders = existsSync(packages) ? readdirSync(packages).map((name) => path.join(packages, name, 'lib')) : []
  const fileOf = (name: string): string | undefined =>
    folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file))
  const major = builtFor(capi) ?? (['13', '12'] as const).find((each) => fileOf(`libcudart.so.${each}`) !== undefined)
  if (major === undefined) return { major, files: [], missing: [] }
  const names = ofBoth(major)
  return {
    major,
    files: names.flatMap((name) => fileOf(name) ?? []),
    missing: names.filter((name) => fileOf(name) === undefined),
  }
}

/** From what pip's package says of itself. */
function builtFor(capi: string): '13' | '12' | undefined {
  const file = path.join(capi, 'build_and_package_info.py')
  if (!existsSync(file)) return undefined
  const major = /^cuda_version\s*=\s*['"](\d+)/m.exec(readFileSync(file, 'utf8'))?.[1]
  return major === '13' || major === '12' ? major : undefined
}
