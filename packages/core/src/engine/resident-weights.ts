import {
  type Backend,
  bytesOf,
  type DeviceBuffer,
  elementCount,
  dtypeBytes,
  type HostBuffer,
  type Region,
  type Span,
  spanOf,
  type Tier,
  type TierQueue,
  type WeightSource,
} from '@flexgen/spec'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { Cleanup } from './cleanup.ts'
import { isPrepared, type LayerRuntime, type PlacedUnit } from './layer-runtime.ts'
import { drainedEvent } from './queue-tail.ts'

/** What loading needs. */
export interface LoadContext {
  readonly backend: Backend
  readonly ram: Tier
  readonly disk: Tier
  readonly source: WeightSource
  readonly cleanup: Cleanup
  readonly signal: AbortSignal | undefined
  readonly onBytes: (sizeBytes: number) => void
}

/** Where the rows of a streamed unit rest once loaded. */
export interface RestingUnit {
  readonly placed: PlacedUnit
  /** One entry a row block: a RAM region, or on disk a region where the checkpoint has no bytes of its own. */
  readonly regions: readonly (Region | undefined)[]
}

const chunkBytes = 16 * 2 ** 20

/** Calls `visit` for every piece of a byte range of a unit that lies in one checkpoint tensor. */
export function eachPart(
  unit: WeightUnit,
  byteOffset: number,
  byteLength: number,
  visit: (tensor: string, tensorOffset: number, byteLength: number, rangeOffset: number) => void,
): void {
  let start = 0
  for (const part of unit.spec.parts) {
    const end = start + dtypeBytes(unit.dtype, elementCount(part.shape))
    const from = Math.max(start, byteOffset)
    const to = Math.min(end, byteOffset + byteLength)
    if (from < to) visit(part.tensor, from - start, to - from, from - byteOffset)
    start = end
  }
}

/** Queues the reads of a byte range of a unit from the checkpoint; the last event of the queue says when it is there. */
export function readUnit(
  queue: TierQueue,
  source: WeightSource,
  unit: WeightUnit,
  byteOffset: number,
  target: Span<HostBuffer>,
): void {
  eachPart(unit, byteOffset, target.byteLength, (tensor, tensorOffset, byteLength, rangeOffset) => {
    const span = spanOf(target.buffer, target.byteOffset + rangeOffset, byteLength)
    const extents = source.extents(tensor, tensorOffset, byteLength)
    if (extents === undefined) queue.task(tensor, byteLength, () => source.read(tensor, tensorOffset, bytesOf(span)))
    else queue.readExtents(span, extents)
  })
}

/**
 * Loads what stays: device weights into prepared kernels, RAM weights into regions, vectors beside them, and the disk
 * share of generated weights into a file, so that its reads are real.
 */
export async function loadResident(
  context: LoadContext,
  runtimes: readonly LayerRuntime[],
): Promise<Map<WeightUnit, RestingUnit>> {
  const queue = context.disk.createQueue('weights load')
  const resting = new Map<WeightUnit, RestingUnit>()
  try {
    for (const runtime of runtimes) {
      context.signal?.throwIfAborted()
      if (isPrepared(runtime)) await prepareLayer(context, queue, runtime)
      else await loadVectors(context, queue, runtime)
      for (const placed of runtime.units) {
        if (placed.place.tier === 'streamed') resting.set(placed.unit, await restUnit(context, queue, placed))
      }
    }
    return resting
  } finally {
    queue.cancel()
    await queue.idle()
  }
}

/** Bytes of host memory that loading needs for a moment. */
export function loadStagingBytes(runtimes: readonly LayerRuntime[], generated: boolean): number {
  const prepared = runtimes.map((runtime) =>
    isPrepared(runtime) ? deviceUnits(runtime).reduce((sum, { unit }) => sum + unit.sizeBytes, 0) : 0,
  )
  return Math.max(0, ...prepared, generated ? chunkBytes : 0)
}

function deviceUnits(runtime: LayerRuntime): PlacedUnit[] {
  return runtime.units.filter(({ place }) => place.tier === 'device')
}

async function prepareLayer(context: LoadContext, queue: TierQueue, runtime: LayerRuntime): Promise<void> {
  const { backend, source } = context
  const buffers: HostBuffer[] = []
  try {
    const weights = new Map<string, Span<HostBuffer>>()
    for (const { unit } of deviceUnits(runtime)) {
      const buffer = backend.allocateHost(unit.sizeBytes)
      buffers.push(buffer)
      readUnit(queue, source, unit, 0, spanOf(buffer))
      weights.set(unit.spec.name, spanOf(buffer))
      context.onBytes(unit.sizeBytes)
    }
    await drainedEvent(queue).whenDone()
    const prepared = await runtime.base.prepare(weights)
    context.cleanup.add(() => prepared[Symbol.asyncDispose]())
    runtime.prepared = prepared
    runtime.kernel = prepared
  } finally {
    await queue.idle()
    for (const buffer of buffers) backend.free(buffer)
  }
}

async function loadVectors(context: LoadContext, queue: TierQueue, runtime: LayerRuntime): Promise<void> {
  const { backend } = context
  for (const { unit } of deviceUnits(runtime)) {
    const region = await context.ram.allocate(unit.sizeBytes)
    context.cleanup.add(() => context.ram.free(region))
    const host = context.ram.view!(region)
    readUnit(queue, context.source, unit, 0, spanOf(host))
    await drainedEvent(queue).whenDone()
    context.onBytes(unit.sizeBytes)
    runtime.residentSpans.set(unit.spec.name, backend.device.hostVisible ? spanOf(host) : await upload(context, host))
  }
}

/** A copy in device memory that lives as long as the engine. */
async function upload(context: LoadContext, host: HostBuffer): Promise<Span<DeviceBuffer>> {
  const buffer = context.backend.allocate(host.byteLength)
  context.cleanup.add(() => context.backend.free(buffer))
  const queue = context.backend.createQueue('weights load')
  await queue.copyIn(spanOf(buffer), spanOf(host)).whenDone()
  return spanOf(buffer)
}

async function restUnit(context: LoadContext, queue: TierQueue, placed: PlacedUnit): Promise<RestingUnit> {
  const { unit, place } = placed
  const regions: (Region | undefined)[] = []
  const blocks = place.tier === 'streamed' ? place.blocks : []
  for (const block of blocks) {
    if (block.tier === 'ram') {
      const region = await context.ram.allocate(block.byteLength)
      context.cleanup.add(() => context.ram.free(region))
      readUnit(queue, context.source, unit, block.byteOffset, spanOf(context.ram.view!(region)))
      await drainedEvent(queue).whenDone()
      regions.push(region)
    } else if (inFiles(context.source, unit)) regions.push(undefined)
    else regions.push(await spill(context, queue, unit, block))
    context.onBytes(block.byteLength)
  }
  return { placed, regions }
}

/** Whether every part of a unit lies in files, so that the disk tier reads the checkpoint itself. */
export function inFiles(source: WeightSource, unit: WeightUnit): boolean {
  return unit.spec.parts.every((part) => source.extents(part.tensor, 0, 1) !== undefined)
}

async function spill(
  context: LoadContext,
  queue: TierQueue,
  unit: WeightUnit,
  block: { readonly byteOffset: number; readonly byteLength: number },
): Promise<Region> {
  const region = await context.disk.allocate(block.byteLength)
  context.cleanup.add(() => context.disk.free(region))
  const staging = context.backend.allocateHost(Math.min(chunkBytes, block.byteLength))
  try {
    for (let done = 0; done < block.byteLength; done += staging.byteLength) {
      context.signal?.throwIfAborted()
      const span = spanOf(staging, 0, Math.min(staging.byteLength, block.byteLength - done))
      readUnit(queue, context.source, unit, block.byteOffset + done, span)
      await drainedEvent(queue).whenDone()
      await queue.write(region, done, span).whenDone()
    }
    return region
  } finally {
    await queue.idle()
    context.backend.free(staging)
  }
}
