import { z } from 'zod'
import type { DeviceLink } from './device-link.ts'
import type { DiskLink } from './queue-kinds.ts'

/** A link whose use is measured. */
export type Link = DiskLink | DeviceLink

/** Schema of `Link`. */
export const linkSchema: z.ZodType<Link> = z.enum(['disk read', 'disk write', 'to device', 'from device'])

/** Bandwidth of a link, measured with the engine's own reads, writes and copies. */
export interface MeasuredLink {
  readonly link: Link
  /** Of the disk: around the page cache, or through it. */
  readonly direct: boolean
  readonly bytesPerSecond: number
}

/** Schema of `MeasuredLink`. */
export const measuredLinkSchema: z.ZodType<MeasuredLink> = z.object({
  link: linkSchema,
  direct: z.boolean(),
  bytesPerSecond: z.number().positive(),
})
