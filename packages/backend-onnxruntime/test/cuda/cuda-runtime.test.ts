import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { cudaLibrariesOf } from '../../src/cuda/cuda-libraries.ts'
import { searchCudaRuntime } from '../../src/cuda/find-cuda-runtime.ts'
import { findLibrary } from '../../src/ffi/find-library.ts'
import { createOnnxRuntimeCudaBackend } from '../../src/index.ts'
import { fakeDriverPath } from './fake-cuda.ts'

const place = mkdtempSync(path.join(tmpdir(), 'flexgen-cuda-runtime-'))
afterAll(() => rmSync(place, { recursive: true }))

/** Makes files of a Python environment and gives the path of a name in it. */
function environment(name: string, files: Readonly<Record<string, string>>): (file: string) => string {
  const site = path.join(place, name, 'lib/python3.12/site-packages')
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(site, file)), { recursive: true })
    writeFileSync(path.join(site, file), text)
  }
  return (file) => path.join(site, file)
}

const empty = (...files: readonly string[]): Record<string, string> =>
  Object.fromEntries(files.map((file) => [file, '']))

const runtime = ['onnxruntime/capi/libonnxruntime.so.1.30.0', 'onnxruntime/capi/libonnxruntime_providers_cuda.so']
const cuda12 = [
  'nvidia/cublas/lib/libcublas.so.12',
  'nvidia/cublas/lib/libcublasLt.so.12',
  'nvidia/cuda_nvrtc/lib/libnvrtc.so.12',
  'nvidia/cuda_runtime/lib/libcudart.so.12',
  'nvidia/cudnn/lib/libcudnn.so.9',
  'nvidia/cufft/lib/libcufft.so.11',
  'nvidia/curand/lib/libcurand.so.10',
  'nvidia/nvjitlink/lib/libnvJitLink.so.12',
]
const cuda13 = [
  'nvidia/cu13/lib/libcublas.so.13',
  'nvidia/cu13/lib/libcublasLt.so.13',
  'nvidia/cu13/lib/libcudart.so.13',
  'nvidia/cu13/lib/libcufft.so.12',
  'nvidia/cu13/lib/libcurand.so.10',
  'nvidia/cu13/lib/libnvJitLink.so.13',
  'nvidia/cu13/lib/libnvrtc.so.13',
  'nvidia/cudnn/lib/libcudnn.so.9',
]
const namesOf = (files: readonly string[]): string[] => files.map((file) => path.basename(file))

describe("CUDA's libraries in pip packages", () => {
  it('are those of CUDA 12, each in a folder of its own', () => {
    const at = environment('cu12', empty(...runtime, ...cuda12))
    const { major, files, missing } = cudaLibrariesOf(at(runtime[0]!))
    expect([major, missing]).toEqual(['12', []])
    expect(files).toEqual(
      [cuda12[3], cuda12[7], cuda12[1], cuda12[0], cuda12[6], cuda12[5], cuda12[2], cuda12[4]].map((file) => at(file!)),
    )
  })

  it('are those of CUDA 13 where both are there and nothing says otherwise', () => {
    const at = environment('both', empty(...runtime, ...cuda12, ...cuda13))
    const { major, files } = cudaLibrariesOf(at(runtime[0]!))
    expect(major).toBe('13')
    expect(namesOf(files)).toContain('libcublas.so.13')
    expect(namesOf(files)).not.toContain('libcublas.so.12')
    expect(namesOf(files)).not.toContain('libcufft.so.11')
  })

  it('are those that ONNX Runtime was built for, as its package says', () => {
    const info = { 'onnxruntime/capi/build_and_package_info.py': "__version__ = '1.26.0'\ncuda_version = '12.8'\n" }
    const at = environment('built', { ...empty(...runtime, ...cuda12, ...cuda13), ...info })
    expect(cudaLibrariesOf(at(runtime[0]!)).major).toBe('12')
    expect(namesOf(cudaLibrariesOf(at(runtime[0]!)).files)).toContain('libcublas.so.12')
  })

  it('are named where they are missing', () => {
    const at = environment('partly', empty(...runtime, ...cuda13.filter((file) => !/cudnn|cufft/.test(file))))
    expect(cudaLibrariesOf(at(runtime[0]!)).missing).toEqual(['libcufft.so.12', 'libcudnn.so.9'])
    expect(cudaLibrariesOf('/nowhere/libonnxruntime.so')).toEqual({ major: undefined, files: [], missing: [] })
  })
})

describe('an ONNX Runtime with a CUDA provider', () => {
  it('is the one that is named, or the first of pip packages that has the provider beside it', () => {
    const [without, full] = [environment('cpu', empty(runtime[0]!)), environment('gpu', empty(...runtime))]
    vi.stubEnv('ORT_LIBRARY', '')
    vi.stubEnv('VIRTUAL_ENV', path.join(place, 'cpu'))
    vi.stubEnv('CONDA_PREFIX', path.join(place, 'gpu'))
    const search = searchCudaRuntime()
    vi.unstubAllEnvs()
    expect(search.libraryPath).toBe(full(runtime[0]!))
    expect(search.withoutProvider).toContain(without(runtime[0]!))
    expect(searchCudaRuntime(without(runtime[0]!))).toEqual({
      libraryPath: undefined,
      withoutProvider: [without(runtime[0]!)],
      folders: [path.dirname(without(runtime[0]!))],
    })
  })

  it('of a version that is too old is refused, with what is needed', async () => {
    const at = environment('old', empty(runtime[1]!))
    const library = at('onnxruntime/capi/libonnxruntime.so.1.17.0')
    const source = path.join(place, 'old.c')
    writeFileSync(
      source,
      `static const void* get(unsigned version) { return 0; }
       static const char* text(void) { return "1.17.0"; }
       static const struct { const void* (*get)(unsigned); const char* (*text)(void); } base = { get, text };
       const void* OrtGetApiBase(void) { return &base; }`,
    )
    execFileSync(process.env['CC'] || 'cc', ['-shared', '-fPIC', '-o', library, source])
    await expect(
      createOnnxRuntimeCudaBackend({ driverPath: fakeDriverPath(), libraryPath: library }),
    ).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: 'ONNX Runtime 1.17.0 is too old: 1.23 is needed',
    })
  })

  it('whose provider cannot be loaded is refused with what pip would bring', async () => {
    const at = environment('broken', empty('onnxruntime/capi/libonnxruntime_providers_cuda.so', ...cuda12.slice(0, 4)))
    const library = at(runtime[0]!)
    copyFileSync(findLibrary(''), library)
    await expect(
      createOnnxRuntimeCudaBackend({ driverPath: fakeDriverPath(), libraryPath: library }),
    ).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/^ONNX Runtime 1\.\d+\.\d+ has no CUDA here: /),
      hint: expect.stringMatching(
        /pip install "onnxruntime-gpu\[cuda,cudnn\]".*of CUDA 12 no pip package has .*libcudnn\.so\.9/,
      ),
    })
  })
})
