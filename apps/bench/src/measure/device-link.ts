/** The link between host and a device with memory of its own, by direction. */
export type DeviceLink = 'to device' | 'from device'

/** Both directions, in the order in which bytes pass through them. */
export const deviceLinks: readonly DeviceLink[] = ['to device', 'from device']

/** What queues call the operations that cross the link (`Queue` of the contracts). */
const linkOfLabel: Readonly<Record<string, DeviceLink>> = {
  copyIn: 'to device',
  copyToCache: 'to device',
  copyOut: 'from device',
  copyFromCache: 'from device',
}

/** The direction in which an operation crosses the link; undefined for one that does not. */
export function deviceLinkOf(label: string): DeviceLink | undefined {
  return Object.hasOwn(linkOfLabel, label) ? linkOfLabel[label] : undefined
}
