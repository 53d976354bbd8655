import type { Backend } from '@flexgen/spec'
import { loadPackage } from './load-package.ts'

/** What the caller may ask of a backend. */
export interface BackendSettings {
  /** ONNX Runtime's API: `c` through koffi, `js`, or `auto` for the first that works. */
  readonly api?: 'auto' | 'c' | 'js' | undefined
  /** Threads that compute. */
  readonly threads?: number | undefined
  /** Page-lock host memory: true, or an error; false, never. Of backends whose device has memory of its own. */
  readonly pinWeight?: boolean | undefined
  /** One of the backend's engines, which users write behind its name: `tfjs:wasm`. */
  readonly engine?: string | undefined
}

/** A backend that is known by name. */
export interface BackendEntry {
  readonly packageName: string
  /** What speaks for it where `auto` takes it: half a sentence for people. */
  readonly merit: string
  /** Settings that it has; others are reported as not applied. */
  readonly settings: readonly (keyof BackendSettings)[]
  /** Engines that it can run on, the usual one first. */
  readonly engines?: readonly string[]
  create(settings: BackendSettings): Promise<Backend>
}

/**
 * The backends that are known by name, in the order in which `auto` tries them: as fast as they were measured to be on
 * hosts without a GPU (docs/measurements).
 */
export const backends: Readonly<Record<string, BackendEntry>> = {
  native: {
    packageName: '@flexgen/backend-native',
    merit: 'the fastest measured on hosts without a GPU',
    settings: ['threads'],
    create: async ({ threads }) => {
      const load = () => import('@flexgen/backend-native')
      const { createNativeBackend } = await loadPackage('@flexgen/backend-native', "backend 'native'", load)
      return createNativeBackend({ ...(threads !== undefined && { threads }) })
    },
  },
  onnxruntime: {
    packageName: '@flexgen/backend-onnxruntime',
    merit: 'a tuned runtime that computes in float32',
    settings: ['api', 'threads'],
    create: async ({ api, threads }) => {
      const load = () => import('@flexgen/backend-onnxruntime')
      const { createOnnxRuntimeBackend } = await loadPackage(
        '@flexgen/backend-onnxruntime',
        "backend 'onnxruntime'",
        load,
      )
      return createOnnxRuntimeBackend({ ...(api && { api }), ...(threads !== undefined && { threads }) })
    },
  },
  tfjs: {
    packageName: '@flexgen/backend-tfjs',
    merit: 'TensorFlow.js, whose WebAssembly needs no native library',
    settings: ['engine'],
    engines: ['wasm', 'cpu', 'node', 'node-gpu', 'webgpu'],
    create: async ({ engine }) => {
      const load = () => import('@flexgen/backend-tfjs')
      const { createTfjsBackend, isEngineName } = await loadPackage('@flexgen/backend-tfjs', "backend 'tfjs'", load)
      return createTfjsBackend(engine !== undefined && isEngineName(engine) ? { engine } : {})
    },
  },
  reference: {
    packageName: '@flexgen/backend-reference',
    merit: 'plain TypeScript, which runs everywhere',
    settings: [],
    create: async () => {
      const load = () => import('@flexgen/backend-reference')
      const { createReferenceBackend } = await loadPackage('@flexgen/backend-reference', "backend 'reference'", load)
      return createReferenceBackend()
    },
  },
  // Last: `auto` is for hosts without a GPU so far.
  'onnxruntime-cuda': {
    packageName: '@flexgen/backend-onnxruntime',
    merit: 'an NVIDIA GPU',
    settings: ['pinWeight'],
    create: async ({ pinWeight }) => {
      const load = () => import('@flexgen/backend-onnxruntime')
      const { createOnnxRuntimeCudaBackend } = await loadPackage(
        '@flexgen/backend-onnxruntime',
        "backend 'onnxruntime-cuda'",
        load,
      )
      return createOnnxRuntimeCudaBackend({ pageLock: pinWeight })
    },
  },
}
