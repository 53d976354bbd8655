import type { TierStats } from '@flexgen/spec'

/** What a tier counts while it works; `Tier.stats` hands out copies. */
export type Counters = { -readonly [Name in keyof TierStats]: TierStats[Name] }

/** Counters that stand at zero. */
export function createCounters(): Counters {
  return { heldBytes: 0, peakHeldBytes: 0, regionBytesRead: 0, regionBytesWritten: 0, extentBytesRead: 0 }
}
