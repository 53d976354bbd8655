import type { CacheHome } from '../engine/cache-units.ts'
import type { RowHome } from '../placement/place-rows.ts'

/**
 * The homes of a block's KV, by layer and sequence, with some of them elsewhere: from the end of every layer in turn.
 * @param from homes that are left
 * @returns the homes, and how many of those that were to move were there
 */
export function moveHomes(
  homes: readonly (readonly CacheHome[])[],
  from: readonly RowHome[],
  to: CacheHome,
  count: number,
): { readonly homes: CacheHome[][]; readonly moved: number } {
  const result = homes.map((layer) => [...layer])
  let moved = 0
  for (let before = -1; moved < count && before !== moved;) {
    before = moved
    for (const layer of result) {
      const at = layer.findLastIndex(({ home }) => from.includes(home))
      if (moved === count || at < 0) continue
      layer[at] = to
      moved += 1
    }
  }
  return { homes: result, moved }
}
