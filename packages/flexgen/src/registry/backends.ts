import type { Backend } from '@flexgen/spec'
import { loadPackage } from './load-package.ts'

/** What the caller may ask of a backend. */
export interface BackendSettings {
  /** ONNX Runtime's API: `c` through koffi, `js`, or `auto` for the first that works. */
  readonly api?: 'auto' | 'c' | 'js' | undefined
  /** Threads that compute. */
  readonly threads?: number | undefined
}

/** A backend that is known by name. */
export interface BackendEntry {
  readonly packageName: string
  /** Settings that it has; others are reported as not applied. */
  readonly settings: readonly (keyof BackendSettings)[]
  create(settings: BackendSettings): Promise<Backend>
}

/** The backends that are known by name, in the order in which `auto` tries them. */
export const backends: Readonly<Record<string, BackendEntry>> = {
  onnxruntime: {
    packageName: '@flexgen/backend-onnxruntime',
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
  reference: {
    packageName: '@flexgen/backend-reference',
    settings: [],
    create: async () => {
      const load = () => import('@flexgen/backend-reference')
      const { createReferenceBackend } = await loadPackage('@flexgen/backend-reference', "backend 'reference'", load)
      return createReferenceBackend()
    },
  },
}
