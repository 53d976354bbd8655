import type { Backend } from '@flexgen/spec'
import type { CreateEngineOptions } from './engine-options.ts'

/**
 * What to say where weights are page-locked although they should not be: by a backend that was made before. Where device and
 * RAM are one memory nothing is.
 */
export function pinNotices(
  { name, device }: Pick<Backend, 'name' | 'device'>,
  { pinWeight = true, backend }: Pick<CreateEngineOptions, 'pinWeight' | 'backend'>,
): string[] {
  if (pinWeight || device.hostVisible || typeof backend !== 'object') return []
  return [`--pin-weight false changes nothing: ${name} was made before, and copies from page-locked memory`]
}
