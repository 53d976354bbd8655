import { FlexgenError } from '@flexgen/spec'

/** What the planner knows of this machine. */
export interface ProfileReport {
  readonly path: string
  readonly isThere: boolean
  readonly measuredAt?: string
  /** Why it should be measured again. */
  readonly problem?: string
  readonly hint?: string
}

/** Looks at the profile that `flexgen profile` saves. */
export async function examineProfile(): Promise<ProfileReport> {
  const { defaultHardwareFile, readSavedHardware, staleness } = await import('flexgen')
  const path = defaultHardwareFile()
  const hint = 'flexgen profile measures this machine, in about a minute'
  try {
    const profile = await readSavedHardware(path)
    if (profile === undefined) return { path, isThere: false, hint }
    const problem = staleness(profile)
    return {
      path,
      isThere: true,
      ...(profile.measuredAt !== undefined && { measuredAt: profile.measuredAt }),
      ...(problem !== undefined && { problem: `stale: ${problem}`, hint }),
    }
  } catch (error) {
    if (!FlexgenError.isInstance(error)) throw error
    return { path, isThere: true, problem: error.message, hint }
  }
}
