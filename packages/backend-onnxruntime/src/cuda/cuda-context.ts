import type { BackendLifetime } from '@flexgen/backend-kit'
import type { Clock } from '@flexgen/spec'
import type { MemoryLedger } from '../memory/memory-ledger.ts'
import type { TensorType } from '../onnx/tensor-type.ts'
import type { CudaDevice } from './driver/cuda-device.ts'
import type { createRectangleCopy } from './driver/rectangle.ts'
import type { ComputeScratch } from './kernel/compute-scratch.ts'
import type { DeviceKernels } from './kernel/device-kernels.ts'
import type { CudaCacheTable } from './memory/cuda-cache.ts'
import type { CudaMemoryTable } from './memory/cuda-memory-table.ts'
import type { DeviceHeap } from './memory/device-heap.ts'
import type { Products } from './products/products.ts'
import type { CompletionPoller } from './queue/completion-poller.ts'
import type { EventPool } from './queue/event-pool.ts'
import type { LoadingStream } from './queue/loading-stream.ts'
import type { StreamPool } from './queue/stream-pool.ts'
import type { CudaSessions } from './session/cuda-sessions.ts'

/** What the parts of a CUDA backend share. */
export interface CudaContext {
  readonly device: CudaDevice
  readonly clock: Clock
  readonly ledger: MemoryLedger
  readonly heap: DeviceHeap
  readonly memory: CudaMemoryTable
  readonly caches: CudaCacheTable
  readonly sessions: CudaSessions
  readonly deviceKernels: DeviceKernels
  readonly products: Products
  readonly scratch: ComputeScratch
  readonly events: EventPool
  readonly timedEvents: EventPool
  readonly streams: StreamPool
  readonly loading: LoadingStream
  /** Types in which the fused attention computes. */
  readonly fusedTypes: readonly TensorType[]
  /** Those of them in which MultiHeadAttention takes prompts as they are. */
  readonly promptTypes: readonly TensorType[]
  readonly poller: CompletionPoller
  readonly copyRectangle: ReturnType<typeof createRectangleCopy>
  readonly lifetime: BackendLifetime
}
