/** What a queue of the engine is for: FlexGen's tasks. */
export type QueueKind =
  | 'load weights'
  | 'load KV'
  | 'compute'
  | 'host attention'
  | 'store KV'
  | 'hidden states'
  | 'other'

/** The disk as a link, by direction; other queues stay within memory. */
export type DiskLink = 'disk read' | 'disk write'

/** What is known of a queue by its name. */
export interface QueueInfo {
  readonly kind: QueueKind
  readonly link?: DiskLink
}

/** The queues of a run (packages/core, `RunResources`), in the order in which bytes pass through them. */
export const queueKinds: Readonly<Record<string, QueueInfo>> = {
  'weights read': { kind: 'load weights', link: 'disk read' },
  'rows read': { kind: 'load weights', link: 'disk read' },
  'weights from RAM': { kind: 'load weights' },
  'load weights': { kind: 'load weights' },
  'cache read': { kind: 'load KV', link: 'disk read' },
  'load cache': { kind: 'load KV' },
  'hidden read': { kind: 'hidden states', link: 'disk read' },
  hidden: { kind: 'hidden states' },
  compute: { kind: 'compute' },
  'attention out': { kind: 'hidden states' },
  'load cache on host': { kind: 'load KV' },
  'host attention': { kind: 'host attention' },
  'attention in': { kind: 'hidden states' },
  'store cache on host': { kind: 'store KV' },
  'store cache': { kind: 'store KV' },
  'cache write': { kind: 'store KV', link: 'disk write' },
  'move read': { kind: 'load KV', link: 'disk read' },
  'move in': { kind: 'load KV' },
  'move out': { kind: 'store KV' },
  'move write': { kind: 'store KV', link: 'disk write' },
  'hidden write': { kind: 'hidden states', link: 'disk write' },
}

/** What a queue is for; a queue that is not known is `other`. */
export function queueInfo(queue: string): QueueInfo {
  return Object.hasOwn(queueKinds, queue) ? queueKinds[queue]! : { kind: 'other' }
}
