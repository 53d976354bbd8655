import type { BackendLifetime, MappedCacheTable, MappedMemoryTable, PageMemory } from '@flexgen/backend-kit'
import type { BackendCapabilities } from '@flexgen/spec'
import type { AddressOf } from '../library/address-of.ts'
import type { NativeLibrary } from '../library/native-library.ts'
import type { MemoryLedger } from '../memory/memory-ledger.ts'
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
  readonly memory: MappedMemoryTable
  readonly caches: MappedCacheTable
  readonly scratch: ScratchArena
  readonly pages: PageMemory
  readonly lifetime: BackendLifetime
  /** Copies bytes without blocking the event loop. */
  readonly copy: (target: Uint8Array, source: Uint8Array) => Promise<void>
}
