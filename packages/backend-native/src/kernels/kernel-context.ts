import type { BackendCapabilities } from '@flexgen/spec'
import type { AddressOf } from '../library/address-of.ts'
import type { NativeLibrary } from '../library/native-library.ts'
import type { CacheTable } from '../memory/cache-table.ts'
import type { MemoryLedger } from '../memory/memory-ledger.ts'
import type { MemoryTable } from '../memory/memory-table.ts'
import type { PageMemory } from '../memory/page-memory.ts'
import type { ScratchArena } from '../memory/scratch-arena.ts'
import type { CompletionPort } from '../queue/completion-port.ts'

/** What kernels and queues need of their backend. */
export interface KernelContext {
  readonly library: NativeLibrary
  /** The native context: threads and queues. */
  readonly handle: bigint
  readonly port: CompletionPort
  readonly capabilities: BackendCapabilities
  readonly addressOf: AddressOf
  readonly ledger: MemoryLedger
  readonly memory: MemoryTable
  readonly caches: CacheTable
  readonly scratch: ScratchArena
  readonly pages: PageMemory
  /** Kernels that are not disposed. */
  readonly kernels: Set<AsyncDisposable>
  /** Does work that the end of the backend waits for; what it made is disposed where the backend has ended meanwhile. */
  readonly track: <Made extends AsyncDisposable>(work: () => Promise<Made>) => Promise<Made>
  /** Copies bytes without blocking the event loop. */
  readonly copy: (target: Uint8Array, source: Uint8Array) => Promise<void>
  /** @throws {FlexgenError} `USAGE` once the backend is disposed */
  readonly assertOpen: () => void
}
