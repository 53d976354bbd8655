import type { Workload } from '@flexgen/core'

/** Positions of a KV page on disk where the caller names none; the engine's own default. */
export const defaultPagePositions = 64

/** What to say where KV that belongs on disk never got there, because no sequence filled a page. */
export function cacheNotices(
  cacheBytesOnDisk: number,
  { maxPromptTokens, maxNewTokens }: Pick<Workload, 'maxPromptTokens' | 'maxNewTokens'>,
  pagePositions: number = defaultPagePositions,
): string[] {
  // The last new token is never read back, so it has no KV.
  const isShort = maxPromptTokens + maxNewTokens - 1 < pagePositions
  if (cacheBytesOnDisk === 0 || !isShort) return []
  return [
    `the disk's share of the KV cache stayed in RAM: it is written in pages of ${pagePositions} positions, and no sequence was that long`,
  ]
}
