import { FlexgenError } from '@flexgen/spec'
import type { BackendSettings } from 'flexgen'

/** Whether a backend, with one of its APIs, works here. */
export interface BackendReport {
  readonly name: string
  readonly api?: 'c' | 'js'
  readonly works: boolean
  /** What it runs on, for people. */
  readonly device?: string
  readonly notices?: readonly string[]
  /** Of `native`: instruction sets that this processor has kernels for, the best first, and those that it lacks. */
  readonly levels?: readonly string[]
  readonly missingLevels?: readonly string[]
  /** Why it does not work, and what helps. */
  readonly problem?: string
  readonly hint?: string
}

/** Makes every backend that is known, with each of its APIs, and takes it down again. */
export async function examineBackends(): Promise<BackendReport[]> {
  const { backends } = await import('flexgen')
  const reports: BackendReport[] = []
  for (const [name, entry] of Object.entries(backends)) {
    const apis = entry.settings.includes('api') ? (['c', 'js'] as const) : [undefined]
    for (const api of apis)
      for (const known of entry.engines?.map((engine) => `${name}:${engine}`) ?? [name])
        reports.push(await examineBackend(known, { api }))
  }
  return reports
}

async function examineBackend(name: string, { api }: { readonly api: 'c' | 'js' | undefined }): Promise<BackendReport> {
  const { openBackend } = await import('flexgen')
  const which = { name, ...(api !== undefined && { api }) }
  const settings: BackendSettings = api === undefined ? {} : { api }
  try {
    const { backend } = await openBackend(name, settings)
    await using _ = backend
    const kernels = name === 'native' ? await examineLevels() : {}
    return { ...which, works: true, device: backend.device.description, notices: backend.notices, ...kernels }
  } catch (error) {
    if (!FlexgenError.isInstance(error)) throw error
    return { ...which, works: false, problem: error.message, hint: error.hint }
  }
}

/** Instruction sets of the host kernels. */
async function examineLevels(): Promise<Pick<BackendReport, 'levels' | 'missingLevels'>> {
  const { examineHostKernels } = await import('@flexgen/backend-native')
  const { levels, missingLevels } = await examineHostKernels()
  return { levels, missingLevels }
}
