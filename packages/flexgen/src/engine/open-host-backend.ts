import { type Backend, FlexgenError } from '@flexgen/spec'
import { autoPartsOf } from '../policy/auto-policy.ts'
import { openBackendHere } from '../policy/backend-preference.ts'
import { knownPolicyOf } from '../policy/settle-policy.ts'
import type { CreateEngineOptions } from './engine-options.ts'
import { threadsBesideCard } from './threads-beside-card.ts'

/** A backend that attends on the host, and whether it was made here. */
export interface OpenedHost {
  readonly host: Backend | undefined
  readonly isOwn: boolean
}

/** What attends on the host where the planner may choose it and nobody names another. */
const usualHost = 'native'

/**
 * The backend that attends on the host: the one asked for, which may be the device's. Beside a device with memory of its
 * own, a policy may say so without naming one, and `auto` may choose it: the host kernels then, if they work here.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` for one that was asked for
 */
export async function openHostBackend(
  { hostBackend, policy, api, ...options }: Pick<CreateEngineOptions, 'hostBackend' | 'policy' | 'api' | 'threads'>,
  backend: Backend,
): Promise<OpenedHost> {
  const threads = options.threads ?? (backend.device.hostVisible ? undefined : threadsBesideCard())
  if (typeof hostBackend === 'object') return { host: hostBackend, isOwn: false }
  if (hostBackend === backend.name) return { host: backend, isOwn: false }
  if (hostBackend !== undefined) {
    return { host: (await openBackendHere(hostBackend, { api, threads })).backend, isOwn: true }
  }
  const mayAttend = autoPartsOf(policy) !== undefined || knownPolicyOf(policy).hostAttentionPercent > 0
  if (backend.device.hostVisible || !mayAttend) return { host: undefined, isOwn: false }
  try {
    return { host: (await openBackendHere(usualHost, { threads })).backend, isOwn: true }
  } catch (error) {
    if (FlexgenError.isInstance(error)) return { host: undefined, isOwn: false }
    throw error
  }
}
