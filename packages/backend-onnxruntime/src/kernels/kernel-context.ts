import type { BackendLifetime, MappedCacheTable, MappedMemoryTable } from '@flexgen/backend-kit'
import type { RunShape } from '@flexgen/spec'
import type { MemoryLedger, WorkspaceNeed } from '../memory/memory-ledger.ts'
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
  readonly memory: MappedMemoryTable
  readonly caches: MappedCacheTable
  readonly scratch: ScratchPool
  readonly attention: AttentionSessions
  readonly budget: LoopBudget
  readonly lifetime: BackendLifetime<LiveKernel>
}
