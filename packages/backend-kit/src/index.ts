export { type BoundValue, RunBinding } from './binding/run-binding.ts'
export { checkInputCount } from './check/input-count.ts'
export { checkCacheSizes } from './check/check-cache-sizes.ts'
export { checkSize } from './check/check-size.ts'
export { CacheTable } from './memory/cache-table.ts'
export { type BufferLedger, type LentBytes, MemoryTable } from './memory/memory-table.ts'
export { HostQueue, type HostQueueContext, type PlannedRun } from './queue/host-queue.ts'
export { dimensionsOf } from './run/dimensions-of.ts'
export { planCaches, type PlannedCache } from './run/plan-caches.ts'
export { checkCacheCopy } from './queue/check-cache-copy.ts'
export { type PlannedValue, planRun, type RunMemory, type RunPlan } from './run/plan-run.ts'
export { checkGraph } from './check/check-graph.ts'
export { type EngineArena, type LedgerOptions, MemoryLedger, type MemoryUse } from './memory/memory-ledger.ts'
export { Owned, releaseAfter } from './memory/owned.ts'
export { type LimitRequest, MemoryLimit } from './memory/memory-limit.ts'
export type { KernelWork } from './run/kernel-work.ts'
export {
  assembleBackend,
  type BackendBuffers,
  type BackendCaches,
  type BackendParts,
} from './backend/assemble-backend.ts'
export { BackendLifetime, type EndingQueue } from './backend/backend-lifetime.ts'
export { createHostBackend, type HostBackendParts } from './backend/create-host-backend.ts'
export { type MappedCacheRules, MappedCacheTable } from './mapped/mapped-cache-table.ts'
export { assertThere, type MappedBytes, MappedMemoryTable } from './mapped/mapped-memory-table.ts'
export { OwnedMemory } from './mapped/owned-memory.ts'
export { createPageMemory, type ForeignCalls, type MappedMemory, type PageMemory } from './mapped/page-memory.ts'
