import { z } from 'zod'
import type { DiskLink } from './queue-kinds.ts'

/** Bandwidth of a link, measured with the engine's own reads and writes. */
export interface MeasuredLink {
  readonly link: DiskLink
  /** Around the page cache, or through it. */
  readonly direct: boolean
  readonly bytesPerSecond: number
}

/** Schema of `MeasuredLink`. */
export const measuredLinkSchema: z.ZodType<MeasuredLink> = z.object({
  link: z.enum(['disk read', 'disk write']),
  direct: z.boolean(),
  bytesPerSecond: z.number().positive(),
})
