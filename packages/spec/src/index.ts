export { type ErrorCode, errorCodes } from './error/error-code.ts'
export { FlexgenError, type FlexgenErrorOptions } from './error/flexgen-error.ts'
export { AbortedError } from './error/aborted-error.ts'
export { BackendUnavailableError } from './error/backend-unavailable-error.ts'
export { CorruptDataError } from './error/corrupt-data-error.ts'
export { InfeasibleError } from './error/infeasible-error.ts'
export { InternalError } from './error/internal-error.ts'
export { NotFoundError } from './error/not-found-error.ts'
export { OutOfMemoryError } from './error/out-of-memory-error.ts'
export { StorageError } from './error/storage-error.ts'
export { UnsupportedDataError } from './error/unsupported-data-error.ts'
export { UsageError } from './error/usage-error.ts'
export {
  type DType,
  dtypeBytes,
  dtypes,
  elementCount,
  type GroupDType,
  isGroupDType,
  pieceRows,
  q4Group,
  tensorBytes,
} from './dtype/dtype.ts'
export { widenBfloat16, widenFloat16 } from './dtype/half.ts'
export type { QueueEvent } from './order/queue-event.ts'
export { doneEvent, SettableEvent } from './order/settable-event.ts'
export { TaskQueue, type TaskQueueOptions } from './order/task-queue.ts'
export { type Clock, systemClock } from './trace/clock.ts'
export type { TraceSink, TraceSpan } from './trace/trace-sink.ts'
export { bytesOf, type DeviceBuffer, type HostBuffer, type Span, spanOf } from './memory/buffer.ts'
export { type CacheBuffer, type CachePage, cachePageBytes, type CacheRow, type CacheSpec } from './memory/cache.ts'
export type { Dimension, GraphCache, GraphValue, ValueRole } from './graph/graph-value.ts'
export { type GraphNode, type Node, type NodeOf, type OperatorName, operatorNames } from './graph/graph-node.ts'
export type { LayerGraph } from './graph/layer-graph.ts'
export { type DynamicDimensions, inferShapes } from './graph/infer-shapes.ts'
export type { Model, ModelFacts, ModelFamily, ScheduleLayer, Stage, WeightPart, WeightSpec } from './model.ts'
export type { Extent, TensorInfo, WeightSource } from './weight-source.ts'
export type {
  Backend,
  BackendCapabilities,
  Binding,
  CacheCopy,
  CacheRange,
  DeviceInfo,
  HostContents,
  HostNeed,
  HostReserve,
  Kernel,
  MemoryStats,
  PageRange,
  PreparedKernel,
  Queue,
  RunShape,
} from './backend.ts'
export type { Region, RegionRange, Tier, TierQueue, TierStats } from './tier.ts'
export type { Policy, TierPercent } from './policy.ts'
export type { Tokenizer, TokenStream } from './tokenizer.ts'
export type { FileHandle, FileSystem, OpenMode } from './file/file-system.ts'
export { nodeFileSystem } from './file/node-file-system.ts'
