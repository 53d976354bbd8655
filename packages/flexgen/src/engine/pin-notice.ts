import type { Backend } from '@flexgen/spec'

/** What to say where weights are page-locked although they should not be; where device and RAM are one memory nothing is. */
export function pinNotices(
  { name, device }: Pick<Backend, 'name' | 'device'>,
  { pinWeight = true }: { readonly pinWeight?: boolean | undefined },
): string[] {
  if (pinWeight || device.hostVisible) return []
  return [`--pin-weight false changes nothing: ${name} copies from page-locked memory only`]
}
