import type { Queue, RunShape } from '@flexgen/spec'
import type { CacheTable } from '../memory/cache.ts'
import type { MemoryLedger, WorkspaceNeed } from '../memory/memory-ledger.ts'
import type { MemoryTable } from '../memory/memory-table.ts'
import type { ScratchPool } from '../memory/scratch-pool.ts'
import type { SessionRuntime } from '../sessions/session.ts'
import type { AttentionSessions } from './attention-sessions.ts'
import type { LoopBudget } from './loop-budget.ts'

/** What kernels know of each other. */
export interface LiveKernel extends AsyncDisposable {
  need(shape: RunShape): WorkspaceNeed
}

/** What kernels need of their backend. */
export interface KernelContext {
  readonly runtime: SessionRuntime
  readonly ledger: MemoryLedger
  readonly memory: MemoryTable
  readonly caches: CacheTable
  readonly scratch: ScratchPool
  readonly attention: AttentionSessions
  readonly budget: LoopBudget
  /** Queues that have operations. */
  readonly busyQueues: Set<Queue>
  /** Kernels that are not disposed. */
  readonly kernels: Set<LiveKernel>
  /**
   * Does work that the end of the backend waits for; what it made is released where the backend has ended meanwhile.
   */
  readonly track: <Made extends { release(): void }>(work: () => Promise<Made>) => Promise<Made>
  /** @throws {FlexgenError} `USAGE` once the backend is disposed */
  readonly assertOpen: () => void
}
