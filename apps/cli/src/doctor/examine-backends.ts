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
    for (const api of apis) reports.push(await examineBackend(name, { api }))
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
    return { ...which, works: true, device: backend.device.description, notices: backend.notices }
  } catch (error) {
    if (!FlexgenError.isInstance(error)) throw error
    return { ...which, works: false, problem: error.message, hint: error.hint }
  }
}
