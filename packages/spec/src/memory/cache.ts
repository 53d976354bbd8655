import { dtypeBytes, type DType } from '../dtype/dtype.ts'
import type { HostBuffer, Span } from './buffer.ts'

/** Shape of the KV cache of one sequence in one layer. */
export interface CacheSpec {
  readonly kvHeads: number
  readonly headDim: number
  /** Positions that a row has room for. */
  readonly maxPositions: number
  readonly dtype: DType
}

/** KV of some sequences of one layer, a row each; made by a backend. */
export interface CacheBuffer {
  readonly spec: CacheSpec
  readonly rowCount: number
  readonly byteLength: number
}

/** One sequence's KV in one layer. */
export interface CacheRow {
  readonly cache: CacheBuffer
  readonly row: number
}

/**
 * KV in the host form `[K or V, kv head, positions, head dim]`, contiguous: a whole row in RAM
 * (`positions` = max positions of the row) or one page on its way to or from the disk.
 */
export interface CachePage {
  readonly span: Span<HostBuffer>
  /** Positions that the page has room for. */
  readonly positions: number
}

/** Bytes of one row or page in the host form with room for `positions`. */
export function cachePageBytes(spec: Omit<CacheSpec, 'maxPositions'>, positions: number): number {
  return 2 * spec.kvHeads * positions * dtypeBytes(spec.dtype, spec.headDim)
}
