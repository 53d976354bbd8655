import { assembleBackend, BackendLifetime, createPageMemory } from '@flexgen/backend-kit'
import { type Backend, type Clock, systemClock } from '@flexgen/spec'
import { createAddressOf } from '../ffi/address-of.ts'
import { findLibrary, installHint } from '../ffi/find-library.ts'
import { loadKoffi } from '../ffi/koffi-library.ts'
import { loadOrtApi } from '../ffi/ort-api.ts'
import { MemoryLedger } from '../memory/memory-ledger.ts'
import type { CudaContext } from './cuda-context.ts'
import { openCudaDevice } from './driver/cuda-device.ts'
import { createRectangleCopy } from './driver/rectangle.ts'
import { findCudaRuntime } from './find-cuda-runtime.ts'
import { cudaCapabilities } from './graph/cuda-capabilities.ts'
import { ComputeScratch } from './kernel/compute-scratch.ts'
import { CudaKernel } from './kernel/cuda-kernel.ts'
import { CudaProgram } from './kernel/cuda-program.ts'
import { DeviceKernels } from './kernel/device-kernels.ts'
import { CudaCacheTable } from './memory/cuda-cache.ts'
import { CudaMemoryTable } from './memory/cuda-memory-table.ts'
import { DeviceHeap } from './memory/device-heap.ts'
import { PinnedSlabs } from './memory/pinned-slabs.ts'
import { createPageToucher } from './memory/touch-pages.ts'
import { loadCublasLt } from './products/cublaslt-library.ts'
import { Products } from './products/products.ts'
import { CompletionPoller } from './queue/completion-poller.ts'
import { CudaQueue } from './queue/cuda-queue.ts'
import { EventPool } from './queue/event-pool.ts'
import { LoadingStream } from './queue/loading-stream.ts'
import { StreamPool } from './queue/stream-pool.ts'
import { CudaSessions, type SessionProvider } from './session/cuda-sessions.ts'

/** How ONNX Runtime is opened on a GPU. */
export interface OnnxRuntimeCudaOptions {
  /** Which GPU; the first by default. */
  readonly ordinal?: number
  /** Path of a libonnxruntime with its CUDA provider beside it; the first that is found by default. */
  readonly libraryPath?: string
  /** Path of the driver's library; the system's by default. */
  readonly driverPath?: string
  /** Path of cuBLASLt; the one that ONNX Runtime has loaded by default. */
  readonly cublasLtPath?: string
  /**
   * Whether host memory is page-locked: true, or an error; false, and copies are slow; where it can be by default, and
   * a notice says where it cannot.
   */
  readonly pageLock?: boolean | undefined
  readonly clock?: Clock
  /** For tests on a driver whose device memory is host memory. */
  readonly sessionProvider?: SessionProvider
}

/**
 * Makes a backend that computes with ONNX Runtime on an NVIDIA GPU: on device memory, streams and events of its own.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where there is no driver, no GPU or no CUDA provider
 */
export async function createOnnxRuntimeCudaBackend(options: OnnxRuntimeCudaOptions = {}): Promise<Backend> {
  const { clock = systemClock, ordinal = 0, sessionProvider = 'cuda' } = options
  const koffi = await loadKoffi()
  const device = openCudaDevice(koffi, clock, ordinal, options.driverPath)
  const notices: string[] = []
  let sessions: CudaSessions | undefined
  let products: Products
  try {
    const { libraryPath } = options
    const runtime =
      sessionProvider === 'cuda'
        ? findCudaRuntime(koffi, libraryPath)
        : { libraryPath: findLibrary(libraryPath), hint: installHint }
    sessions = await CudaSessions.open(loadOrtApi(koffi, runtime.libraryPath), device, sessionProvider, runtime.hint)
    products = new Products(loadCublasLt(koffi, options.cublasLtPath), device.driver)
  } catch (error) {
    sessions?.release()
    device.release()
    throw error
  }
  const pages = createPageMemory(koffi)
  const { pageLock } = options
  if (pageLock === false) notices.push('host memory is not page-locked, as asked for, so copies are slow')
  const pinned = new PinnedSlabs(koffi, pages, device.driver, createPageToucher(device), {
    pageLocking: pageLock === undefined ? 'where possible' : pageLock ? 'always' : 'never',
    onProblem: (error) => {
      if (notices.length === 0) notices.push(`host memory cannot be page-locked, so copies are slow: ${String(error)}`)
    },
  })
  const heap = new DeviceHeap(device.driver)
  const scratch = new ComputeScratch(device, heap, pinned)
  const ledger: MemoryLedger = new MemoryLedger(clock, {
    heldBytes: () => scratch.heldBytes + sessions.heldBytes() + caches.keptBytes,
    missingBytes: ({ scratchBytes, arenaBytes }) =>
      Math.max(0, scratchBytes - scratch.heldBytes) + (arenaBytes <= sessions.reservedBytes ? 0 : arenaBytes),
    reserve: ({ arenaBytes }) => heap.retrying(() => sessions.reserve(arenaBytes)),
    trim: (leastBytes) => {
      const rowsSuffice = caches.keptBytes >= leastBytes
      caches.trim()
      // What runs take again stops the device twice.
      if (rowsSuffice) return
      scratch.trim()
      sessions.trim()
    },
    isKept: true,
  })
  const memory = new CudaMemoryTable(heap, pinned, ledger, createAddressOf(koffi))
  const loading = new LoadingStream(device)
  const caches: CudaCacheTable = new CudaCacheTable({
    driver: device.driver,
    heap,
    stream: loading.stream,
    ledger,
    dtypes: cudaCapabilities.cacheDtypes,
  })
  heap.onShortage(() => caches.trim())
  const lifetime = new BackendLifetime()
  const context: CudaContext = {
    device,
    clock,
    ledger,
    heap,
    memory,
    caches,
    sessions,
    deviceKernels: new DeviceKernels(device.driver),
    products,
    scratch,
    events: new EventPool(device.driver, false),
    timedEvents: new EventPool(device.driver, true),
    streams: new StreamPool(device),
    loading,
    fusedTypes: sessionProvider === 'cuda' ? ['float16', 'bfloat16'] : ['float32', 'float16'],
    promptTypes: [sessionProvider === 'cuda' ? 'float16' : 'float32'],
    poller: new CompletionPoller(),
    copyRectangle: createRectangleCopy(device.driver),
    lifetime,
  }
  return assembleBackend({
    name: 'onnxruntime-cuda',
    device: {
      kind: 'cuda',
      description: `${device.name}, CUDA ${Math.floor(device.driverVersion / 1000)}.${Math.floor((device.driverVersion % 1000) / 10)}, ONNX Runtime ${sessions.version}`,
      memoryBytes: device.memoryBytes,
      hostVisible: false,
    },
    capabilities: cudaCapabilities,
    notices,
    lifetime,
    buffers: memory,
    caches,
    ledger,
    async compile(graph) {
      const program = await lifetime.track(
        () => CudaProgram.create(context, graph),
        (made) => made.release(),
      )
      return new CudaKernel(context, program)
    },
    createQueue: (name, trace) => new CudaQueue(name, context, trace),
    reserveHost: (need) => pinned.reserve(need),
    async close() {
      caches.close()
      memory.close()
      scratch.close()
      await pinned.close()
      ledger.close()
      context.deviceKernels.release()
      products.release()
      for (const part of [context.events, context.timedEvents, context.streams, loading]) part.close()
      sessions.release()
      device.release()
    },
  })
}
