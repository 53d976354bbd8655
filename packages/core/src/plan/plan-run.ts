import type { Backend, DType, Kernel, RunShape } from '@flexgen/spec'
import { activationWidths } from '../engine/activation-pool.ts'
import { type BlockPlan, type CacheMoving, planBlock, type PlannedBytes } from '../engine/block-plan.ts'
import type { EngineOptions, Workload } from '../engine/engine-options.ts'
import {
  deviceUnits,
  findGatheredTable,
  isPrepared,
  type LayerRuntime,
  type StageRuntime,
} from '../engine/layer-runtime.ts'
import { headOutputs } from '../engine/head-outputs.ts'
import { inFiles } from '../engine/read-unit.ts'
import { loadStagingBytes } from '../engine/resident-weights.ts'
import { leastRingBytes, lookAheadRingBytes, stagingAlignment } from '../engine/staging-ring.ts'
import { bounceBytes, bounceCount, streamedPieces } from '../engine/weight-loader.ts'
import type { UnitPlacement } from '../placement/place-weights.ts'
import { weightBytesByTier } from '../placement/summary.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { RamPlan, RunPlan } from './run-plan.ts'

/** What a run is planned with; nothing of it is opened or loaded. */
export type PlanningOptions = Pick<
  EngineOptions,
  'model' | 'weights' | 'backend' | 'policy' | 'pagePositions' | 'maxRamBytes' | 'maxDeviceBytes'
>

/** A model laid out on a machine. */
export interface PlannedModel {
  readonly options: PlanningOptions
  readonly runtimes: readonly LayerRuntime[]
  readonly units: readonly WeightUnit[]
  readonly placement: readonly UnitPlacement[]
  readonly computeDtype: DType
  readonly cacheDtype: DType
  /** Where KV off the device may be attended; undefined where only the device attends. */
  readonly attentionHost: Backend | undefined
  readonly cacheMoves: CacheMoving
  /** Bytes of weights that are placed in RAM and have left it. */
  readonly missingRamBytes?: number | undefined
}

/** Layers whose weights stream ahead of the one that computes, where memory allows. */
export const defaultLookAhead = 2

/** Positions of a KV page on disk where the caller names none. */
export const defaultPagePositions = 64

/** The block that a workload needs at most. */
export function planWorkload(
  { options, runtimes, computeDtype, cacheDtype, attentionHost, cacheMoves }: PlannedModel,
  workload: Workload,
): BlockPlan {
  const { gpuBatchSize, numGpuBatches } = options.policy
  const block = gpuBatchSize * numGpuBatches
  const maxPositions = workload.maxPromptTokens + workload.maxNewTokens
  const scratch = (batch: number, seq: number): number =>
    kernelWorkspace(runtimes, [{ batch, seq, maxPositions }]).device
  return planBlock(
    options.model,
    options.policy,
    {
      sequences: Math.min(block, workload.sequences),
      maxPromptTokens: workload.maxPromptTokens,
      maxPositions,
    },
    {
      cacheLayers: runtimes.filter((runtime) => runtime.hasCache).length,
      computeDtype,
      cacheDtype,
      hostVisible: options.backend.device.hostVisible,
      pagePositions: options.pagePositions ?? defaultPagePositions,
      logits: workload.logits ?? 'last',
      headOutputs: headOutputs(runtimes),
      hostAttends: attentionHost !== undefined,
      cacheMoves,
      activationWidths: [...activationWidths(runtimes).values()],
      gatheredTable: findGatheredTable(runtimes),
      canDecode: (rows) => scratch(rows, 1) <= scratch(gpuBatchSize, workload.maxPromptTokens),
    },
  )
}

const nothing: PlannedBytes = { host: 0, device: 0, disk: 0 }
const noBlock = { cache: nothing, cacheStaging: nothing, activations: nothing, hidden: nothing, logits: nothing }

/**
 * What a run holds at most on each tier; pure. The weight ring shrinks from full look-ahead to the least that works
 * where a budget is small.
 */
export function planRun(planned: PlannedModel, workload: Workload | undefined): RunPlan {
  const { options, runtimes, units, placement } = planned
  const { hostVisible } = options.backend.device
  const weights = weightBytesByTier(units, placement)
  const block = workload === undefined ? undefined : planWorkload(planned, workload)
  const { cache, cacheStaging, activations, hidden, logits } = block?.bytes ?? noBlock
  const prepared = preparedBytes(runtimes)
  const vectors = vectorBytes(runtimes)
  const keptBlocks = deviceBlockBytes(placement)
  const workspace = block === undefined ? nothing : workspaceBytes(planned, block)
  const onHost = ({ host, device }: PlannedBytes): number => host + (hostVisible ? device : 0)
  const fixed = {
    preparedWeights: hostVisible ? prepared : 0,
    ramWeights: weights.ram - (planned.missingRamBytes ?? 0) + (hostVisible ? vectors + keptBlocks : 0),
    cache: onHost(cache),
    cacheStaging: onHost(cacheStaging),
    hidden: onHost(hidden) + onHost(activations),
    logits: onHost(logits),
    workspace: (hostVisible ? workspace.device : 0) + workspace.host,
  }
  const blockDevice = cache.device + cacheStaging.device + hidden.device + activations.device + logits.device
  const fixedDevice = prepared + (hostVisible ? 0 : vectors + keptBlocks) + blockDevice + workspace.device
  const heldBytes = sum(Object.values(fixed))
  const spareBytes = hostVisible ? spare(options.maxRamBytes, heldBytes) : spare(options.maxDeviceBytes, fixedDevice)
  const weightRingBytes = ringBytes(planned, spareBytes)
  const weightStaging = Math.max(
    hostVisible ? weightRingBytes : bounceCount * bounceBytes(runtimes, hostVisible),
    loadStagingBytes(runtimes, options.weights, hostVisible) + (hostVisible ? preparingBytes(runtimes) : 0),
  )
  const ram: RamPlan = { ...fixed, weightStaging, total: heldBytes + weightStaging }
  return {
    ram,
    deviceBytes: fixedDevice + (hostVisible ? 0 : weightRingBytes),
    diskBytes: spilledBytes(planned) + cache.disk + hidden.disk,
    weightRingBytes,
    weights,
  }
}

function spare(budgetBytes: number | undefined, heldBytes: number): number {
  return budgetBytes === undefined ? Number.POSITIVE_INFINITY : budgetBytes - heldBytes
}

/** Bytes of the ring that weights stream through: with look-ahead as far as the spare bytes allow. */
function ringBytes({ options, runtimes }: PlannedModel, spareBytes: number): number {
  const pieces = streamedPieces(runtimes, options.backend.device.hostVisible)
  const least = leastRingBytes(pieces)
  if (!options.policy.overlap) return least
  const allowed = Math.min(lookAheadRingBytes(pieces, defaultLookAhead), spareBytes)
  return Math.max(least, Math.floor(allowed / stagingAlignment) * stagingAlignment)
}

function preparedBytes(runtimes: readonly LayerRuntime[]): number {
  return sum(preparedSizes(runtimes))
}

/** What each prepared kernel holds at most. */
function preparedSizes(runtimes: readonly LayerRuntime[]): number[] {
  return stagesOf(runtimes)
    .filter(isPrepared)
    .map((stage) => stage.base.preparedBytes(deviceUnits(stage).map(({ unit }) => unit.spec.name)))
}

/** A kernel that is prepared takes as much again for a moment as it holds then (measured with ONNX Runtime). */
function preparingBytes(runtimes: readonly LayerRuntime[]): number {
  return preparedSizes(runtimes).reduce((most, bytes) => Math.max(most, bytes), 0)
}

/** Vectors of stages without a prepared kernel. */
function vectorBytes(runtimes: readonly LayerRuntime[]): number {
  const bound = stagesOf(runtimes)
    .filter((stage) => !isPrepared(stage))
    .flatMap(deviceUnits)
  return sum(bound.map(({ unit }) => unit.sizeBytes))
}

/** Row blocks of streamed units that are kept on the device. */
function deviceBlockBytes(placement: readonly UnitPlacement[]): number {
  const blocks = placement.flatMap((place) => (place.tier === 'streamed' ? place.blocks : []))
  return sum(blocks.filter(({ tier }) => tier === 'device').map(({ byteLength }) => byteLength))
}

function workspaceBytes(
  { runtimes, options: { policy }, cacheDtype }: PlannedModel,
  { shape: { maxPromptTokens, maxPositions, sequences } }: BlockPlan,
): PlannedBytes {
  const batch = Math.min(policy.gpuBatchSize, sequences)
  return kernelWorkspace(
    runtimes,
    [maxPromptTokens, 1].map((seq) => ({ batch, seq, maxPositions, cacheDtype })),
  )
}

/** The most scratch that any kernel needs for any of the shapes; merged batches need no more than prompts. */
export function kernelWorkspace(runtimes: readonly LayerRuntime[], shapes: readonly RunShape[]): PlannedBytes {
  const largest = (kernels: readonly (Kernel | undefined)[]): number =>
    kernels
      .flatMap((kernel) => shapes.map((shape) => kernel?.workspaceBytes(shape) ?? 0))
      .reduce((most, bytes) => Math.max(most, bytes), 0)
  const stages = stagesOf(runtimes)
  return {
    device: largest(stages.map(({ base }) => base)),
    host: largest(stages.map(({ host }) => host?.kernel)),
    disk: 0,
  }
}

function stagesOf(runtimes: readonly LayerRuntime[]): StageRuntime[] {
  return runtimes.flatMap(({ stages }) => stages)
}

/** The disk share of weights that lie in no file. */
function spilledBytes({ options, units, placement }: PlannedModel): number {
  const isSpilled = units.map((unit) => !inFiles(options.weights, unit))
  return weightBytesByTier(
    units.filter((_, i) => isSpilled[i]),
    placement.filter((_, i) => isSpilled[i]),
  ).disk
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
