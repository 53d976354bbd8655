import type { QueueKind } from '../measure/queue-kinds.ts'

/** Colours of the tiers, as variables of the style sheet. */
export const tierColours: Readonly<Record<'device' | 'RAM' | 'disk', string>> = {
  device: 'var(--blue)',
  RAM: 'var(--teal)',
  disk: 'var(--orange)',
}

/** Colours of the kinds of queues. */
export const kindColours: Readonly<Record<QueueKind, string>> = {
  compute: 'var(--blue)',
  'host attention': 'var(--rose)',
  'load weights': 'var(--orange)',
  'load KV': 'var(--teal)',
  'store KV': 'var(--violet)',
  'hidden states': 'var(--yellow)',
  other: 'var(--muted)',
}
