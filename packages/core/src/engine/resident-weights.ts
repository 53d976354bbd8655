import {
  AbortedError,
  type Backend,
  type DeviceBuffer,
  type HostBuffer,
  type Queue,
  type QueueEvent,
  type Region,
  type Span,
  spanOf,
  type Tier,
  type TierQueue,
  type TraceSink,
  type WeightSource,
} from '@flexgen/spec'
import { joinNeighbours, type RowBlock } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { Cleanup } from './cleanup.ts'
import { HeldBuffers } from './held-buffers.ts'
import { deviceUnits, isPrepared, type LayerRuntime, type PlacedUnit, type StageRuntime } from './layer-runtime.ts'
import type { HeldRegions } from './held-regions.ts'
import { inFiles, readUnit } from './read-unit.ts'
import type { RestingBlock, RestingUnit } from './resting-weights.ts'

/** What loading needs. */
export interface LoadContext {
  readonly backend: Backend
  readonly ram: HeldRegions
  readonly disk: Tier
  readonly source: WeightSource
  /** Gets a step for everything that stays. */
  readonly cleanup: Cleanup
  readonly signal: AbortSignal | undefined
  readonly trace: TraceSink | undefined
  readonly onBytes: (sizeBytes: number) => void
}

interface LoadQueues {
  readonly read: TierQueue
  readonly copy: Queue
}

/** A read that was queued. */
interface Reading {
  readonly event: QueueEvent
  readonly sizeBytes: number
}

const spillBytes = 16 * 2 ** 20

/**
 * Loads what stays: device weights into prepared kernels, RAM weights into regions, vectors beside them, and the disk
 * share of weights that lie in no file into the offload file, so that its reads are real.
 * @throws {FlexgenError} `ABORTED` after the signal, and whatever tiers, backend or checkpoint fail with; what was
 * loaded until then is in the cleanup
 */
export async function loadResident(
  context: LoadContext,
  runtimes: readonly LayerRuntime[],
): Promise<Map<WeightUnit, RestingUnit>> {
  const { backend, disk, signal, trace } = context
  const queues = { read: disk.createQueue('weights load', trace), copy: backend.createQueue('weights upload', trace) }
  const stop = (): void => queues.read.cancel(new AbortedError('loading was stopped', { cause: signal?.reason }))
  if (signal?.aborted) stop()
  signal?.addEventListener('abort', stop, { once: true })
  const resting = new Map<WeightUnit, RestingUnit>()
  try {
    for (const runtime of runtimes) {
      for (const stage of runtime.stages) await loadDeviceUnits(context, queues, stage, runtime.residentSpans)
      for (const { unit, place } of runtime.units) {
        if (place.tier === 'streamed') resting.set(unit, await restUnit(context, queues, unit, place.blocks))
      }
    }
    return resting
  } finally {
    signal?.removeEventListener('abort', stop)
    queues.read.cancel()
    await queues.read.idle()
    await queues.copy.idle()
  }
}

/** Bytes of host memory that loading needs for a moment. */
export function loadStagingBytes(
  runtimes: readonly LayerRuntime[],
  source: WeightSource,
  hostVisible: boolean,
): number {
  const isCopied = ({ unit, place }: PlacedUnit): boolean =>
    place.tier === 'streamed' &&
    place.blocks.some(({ tier }) => (tier === 'disk' && !inFiles(source, unit)) || (tier === 'device' && !hostVisible))
  return runtimes.reduce((most, runtime) => {
    const stagedBytes = runtime.stages.map((stage) =>
      isPrepared(stage) || !hostVisible ? deviceUnits(stage).reduce((sum, { unit }) => sum + unit.sizeBytes, 0) : 0,
    )
    return Math.max(most, ...stagedBytes, runtime.units.some(isCopied) ? spillBytes : 0)
  }, 0)
}

async function loadDeviceUnits(
  context: LoadContext,
  queues: LoadQueues,
  stage: StageRuntime,
  kept: Map<string, Span>,
): Promise<void> {
  const { backend } = context
  if (!isPrepared(stage) && backend.device.hostVisible) return keepVectors(context, queues.read, stage, kept)
  const staging = new HeldBuffers(backend)
  try {
    const weights = new Map<string, Span<HostBuffer>>()
    const readings = deviceUnits(stage).map(({ unit }): Reading => {
      const span = spanOf(staging.allocateHost(unit.sizeBytes))
      weights.set(unit.spec.name, span)
      return { event: readUnit(queues.read, context.source, unit, 0, span), sizeBytes: unit.sizeBytes }
    })
    await arrived(context, readings)
    if (isPrepared(stage)) await prepare(context, stage, weights)
    else await upload(context, queues.copy, weights, kept)
  } finally {
    await queues.read.idle()
    await queues.copy.idle()
    staging.free()
  }
}

async function prepare(
  { cleanup }: LoadContext,
  stage: StageRuntime,
  weights: ReadonlyMap<string, Span<HostBuffer>>,
): Promise<void> {
  const prepared = await stage.base.prepare(weights)
  cleanup.add(() => prepared[Symbol.asyncDispose]())
  stage.prepared = prepared
  stage.kernel = prepared
}

/** Vectors of a stage without a prepared kernel, copied into device memory. */
async function upload(
  { backend, cleanup }: LoadContext,
  queue: Queue,
  weights: ReadonlyMap<string, Span<HostBuffer>>,
  kept: Map<string, Span>,
): Promise<void> {
  const buffers = new HeldBuffers(backend)
  cleanup.add(() => buffers.free())
  let last: QueueEvent | undefined
  for (const [name, source] of weights) {
    const target = spanOf(buffers.allocate(source.byteLength))
    kept.set(name, target)
    last = queue.copyIn(target, source)
  }
  await last?.whenDone()
}

/** Vectors of a stage without a prepared kernel, where a host-visible backend binds them. */
async function keepVectors(
  context: LoadContext,
  queue: TierQueue,
  stage: StageRuntime,
  kept: Map<string, Span>,
): Promise<void> {
  const readings: Reading[] = []
  for (const { unit } of deviceUnits(stage)) {
    const { span } = await allocateRam(context, unit.sizeBytes)
    kept.set(unit.spec.name, span)
    readings.push({ event: readUnit(queue, context.source, unit, 0, span), sizeBytes: unit.sizeBytes })
  }
  await arrived(context, readings)
}

async function restUnit(
  context: LoadContext,
  queues: LoadQueues,
  unit: WeightUnit,
  blocks: readonly RowBlock[],
): Promise<RestingUnit> {
  const resting: RestingBlock[] = []
  const readings: Reading[] = []
  // Where device and RAM are one memory, neighbours in both are one region, which kernels can bind.
  const isOneMemory = context.backend.device.hostVisible
  const placed = isOneMemory
    ? joinNeighbours(blocks.map((block) => (block.tier === 'device' ? { ...block, tier: 'ram' } : block)))
    : blocks
  for (const block of placed) {
    const nowhere = { ...block, region: undefined, buffer: undefined }
    if (block.tier === 'device') {
      resting.push({ ...nowhere, buffer: await uploadBlock(context, queues, unit, block) })
      context.onBytes(block.byteLength)
    } else if (block.tier === 'ram') {
      const { region, span } = await allocateRam(context, block.byteLength)
      resting.push({ ...nowhere, region })
      const event = readUnit(queues.read, context.source, unit, block.byteOffset, span)
      readings.push({ event, sizeBytes: block.byteLength })
    } else {
      const isInFiles = inFiles(context.source, unit)
      resting.push({ ...nowhere, region: isInFiles ? undefined : await spill(context, queues.read, unit, block) })
      context.onBytes(block.byteLength)
    }
  }
  await arrived(context, readings)
  return { unit, blocks: resting }
}

/** Copies a block that is kept on the device there, piece by piece. */
async function uploadBlock(
  { backend, cleanup, source }: LoadContext,
  queues: LoadQueues,
  unit: WeightUnit,
  block: RowBlock,
): Promise<DeviceBuffer> {
  const target = backend.allocate(block.byteLength)
  cleanup.add(() => backend.free(target))
  const staging = backend.allocateHost(Math.min(spillBytes, block.byteLength))
  try {
    for (let done = 0; done < block.byteLength; done += staging.byteLength) {
      const span = spanOf(staging, 0, Math.min(staging.byteLength, block.byteLength - done))
      queues.copy.wait(readUnit(queues.read, source, unit, block.byteOffset + done, span))
      await queues.copy.copyIn(spanOf(target, done, span.byteLength), span).whenDone()
    }
    return target
  } finally {
    await queues.read.idle()
    await queues.copy.idle()
    backend.free(staging)
  }
}

async function allocateRam(
  { ram }: LoadContext,
  byteLength: number,
): Promise<{ region: Region; span: Span<HostBuffer> }> {
  const region = await ram.allocate(byteLength)
  return { region, span: spanOf(ram.view(region)) }
}

/** Events of a queue settle in order, so the first that failed is the first that is awaited. */
async function arrived(context: LoadContext, readings: readonly Reading[]): Promise<void> {
  for (const { event, sizeBytes } of readings) {
    await event.whenDone()
    context.onBytes(sizeBytes)
  }
}

/** Writes a block that lies in no file to the offload file, piece by piece. */
async function spill(
  { backend, cleanup, disk, source }: LoadContext,
  queue: TierQueue,
  unit: WeightUnit,
  block: RowBlock,
): Promise<Region> {
  const region = await disk.allocate(block.byteLength)
  cleanup.add(() => disk.free(region))
  const staging = backend.allocateHost(Math.min(spillBytes, block.byteLength))
  try {
    for (let done = 0; done < block.byteLength; done += staging.byteLength) {
      const span = spanOf(staging, 0, Math.min(staging.byteLength, block.byteLength - done))
      queue.wait(readUnit(queue, source, unit, block.byteOffset + done, span))
      await queue.write(region, done, span).whenDone()
    }
    return region
  } finally {
    await queue.idle()
    backend.free(staging)
  }
}
