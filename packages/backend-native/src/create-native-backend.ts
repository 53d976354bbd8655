import { availableParallelism, cpus, totalmem } from 'node:os'
import {
  assembleBackend,
  BackendLifetime,
  createPageMemory,
  MappedCacheTable,
  MappedMemoryTable,
} from '@flexgen/backend-kit'
import {
  type Backend,
  BackendUnavailableError,
  type Clock,
  q4Group,
  systemClock,
  type TraceSink,
  UsageError,
} from '@flexgen/spec'
import { capabilities } from './graphs/capabilities.ts'
import type { KernelContext } from './kernels/kernel-context.ts'
import { NativeKernel } from './kernels/native-kernel.ts'
import { Program } from './kernels/program.ts'
import { createAddressOf } from './library/address-of.ts'
import { findLibrary } from './library/find-library.ts'
import { loadKoffi } from './library/koffi-library.ts'
import { loadLibrary, type NativeLibrary } from './library/native-library.ts'
import { MemoryLedger } from './memory/memory-ledger.ts'
import { ScratchArena } from './memory/scratch-arena.ts'
import { CompletionPort } from './queue/completion-port.ts'
import { NativeQueue } from './queue/native-queue.ts'

/** How the host kernels run. */
export interface NativeBackendOptions {
  /** Threads that compute; as many as there are cores by default, each of them pinned to one then. */
  readonly threads?: number
  /** Path of the library; `FLEXGEN_NATIVE_LIBRARY`, a prebuilt one, or one that is compiled here by default. */
  readonly libraryPath?: string
  /** Instruction set (`amx`, `avx512-bf16`, `avx512`, `avx2`, `neon`, `portable`); `FLEXGEN_NATIVE_LEVEL`, or the best by default. */
  readonly level?: string
  readonly clock?: Clock
}

const mostThreads = 1024
/** Groups of a head that the kernels take. */
const mostHeadGroups = 4

/**
 * Makes a backend that computes with host kernels of our own: on buffers that are host memory, with threads of its own,
 * and without ever blocking the event loop.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where there is no library and none can be compiled; `USAGE` for bad options
 */
export async function createNativeBackend(options: NativeBackendOptions = {}): Promise<Backend> {
  const { clock = systemClock, threads = availableParallelism(), level = process.env['FLEXGEN_NATIVE_LEVEL'] } = options
  if (!(Number.isSafeInteger(threads) && threads >= 1 && threads <= mostThreads))
    throw new UsageError(`threads cannot be ${threads}`, { hint: `give a whole number from 1 to ${mostThreads}` })
  const koffi = await loadKoffi()
  const found = await findLibrary(options.libraryPath)
  const library = loadLibrary(koffi, found.path)
  const handle = openContext(library, threads, level)
  const port = new CompletionPort(library, handle)
  const pages = createPageMemory(koffi)
  const addressOf = createAddressOf(koffi)
  const scratch = new ScratchArena(pages, addressOf)
  const ledger = new MemoryLedger(clock, scratch)
  const memory = new MappedMemoryTable(pages, ledger)
  const caches = new MappedCacheTable(memory, {
    dtypes: capabilities.cacheDtypes,
    owner: 'the native backend',
    mostHeadDim: { q4g64: mostHeadGroups * q4Group.values },
  })
  const lifetime = new BackendLifetime()
  const createQueue = (name: string, trace?: TraceSink): NativeQueue => new NativeQueue(name, context, clock, trace)
  let preparing: NativeQueue | undefined
  const context: KernelContext = {
    library,
    handle,
    port,
    capabilities,
    addressOf,
    ledger,
    memory,
    caches,
    scratch,
    pages,
    lifetime,
    copy: (target, source) => (preparing ??= createQueue('prepare')).copyBytes(target, source).whenDone(),
  }
  const levelName = library.levelName(handle)
  return assembleBackend({
    name: 'native',
    device: {
      kind: 'cpu',
      description: `${cpus()[0]?.model.trim() ?? 'CPU'}, ${library.threads(handle)} threads, host kernels for ${levelName}`,
      memoryBytes: totalmem(),
      hostVisible: true,
    },
    capabilities,
    notices: [`host kernels for ${levelName}, library ${found.origin}`],
    lifetime,
    buffers: memory,
    caches,
    ledger,
    compile: async (graph) => new NativeKernel(context, new Program(context, graph), undefined, 0),
    createQueue,
    close() {
      memory.close()
      scratch.trim()
      ledger.close()
      port.close()
      library.close(handle)
    },
  })
}

function openContext(library: NativeLibrary, threads: number, level: string | undefined): bigint {
  // Who leaves cores to others has others beside the threads: pinned ones would wait behind them while a core is free.
  const isPinned = threads >= availableParallelism()
  const handle = library.open(threads, Number(isPinned), level || null)
  if (handle !== null && handle !== 0n) return handle
  throw level
    ? new BackendUnavailableError(`this machine has no host kernels for '${level}', or no threads are left`, {
        hint: 'amx, avx512-bf16, avx512, avx2, neon or portable, as far as the processor has it',
      })
    : new BackendUnavailableError('the system refused threads for the host kernels')
}
