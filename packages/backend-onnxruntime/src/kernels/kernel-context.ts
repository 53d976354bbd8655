import type { PageMemory } from '../ffi/native-memory.ts'
import type { CacheTable } from '../memory/cache.ts'
import type { MemoryLedger } from '../memory/memory-ledger.ts'
import type { MemoryTable } from '../memory/memory-table.ts'
import type { ScratchPool } from '../memory/scratch-pool.ts'
import type { SessionRuntime } from '../sessions/session.ts'
import type { AttentionSessions } from './attention-sessions.ts'
import type { LoopBudget } from './loop-budget.ts'
import type { WidenWeights } from './widen-weights.ts'

/** What kernels need of their backend. */
export interface KernelContext {
  readonly runtime: SessionRuntime
  readonly ledger: MemoryLedger
  readonly memory: MemoryTable
  readonly caches: CacheTable
  readonly scratch: ScratchPool
  readonly attention: AttentionSessions
  readonly widen: WidenWeights
  readonly budget: LoopBudget
  readonly pages: PageMemory
  /** Kernels that are not disposed. */
  readonly kernels: Set<AsyncDisposable>
  /**
   * Does work that the end of the backend waits for; what it made is released where the backend has ended meanwhile.
   */
  readonly track: <Made extends { release(): void }>(work: () => Promise<Made>) => Promise<Made>
  /** @throws {FlexgenError} `USAGE` once the backend is disposed */
  readonly assertOpen: () => void
}
