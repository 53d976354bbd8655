import { type CacheSpec, cachePageBytes, dtypeBytes, type DType, type Model, type Policy } from '@flexgen/spec'
import { placeCacheLikeFlexgen } from '../placement/place-like-flexgen.ts'
import { placeRows, type RowHome } from '../placement/place-rows.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import { cutBatches } from '../schedule/sweep.ts'
import { activationSlotCount } from './activation-pool.ts'
import { type AttentionPlace, cacheSlotCount } from './cache-lane.ts'
import type { CacheHome } from './cache-units.ts'
import type { HeadOutput } from './head-outputs.ts'
import { hiddenSlotCount, movesAway } from './hidden-store.ts'
import { pageBufferBytes } from './page-lane.ts'
import { gatherBytes } from './row-gather.ts'

/** Sizes of a block of sequences. */
export interface BlockShape {
  readonly sequences: number
  readonly maxPromptTokens: number
  /** Positions that every KV row has room for. */
  readonly maxPositions: number
}

/** Bytes that something takes: of host memory, of device memory, of scratch on disk. */
export interface PlannedBytes {
  readonly host: number
  /** On a host-visible backend a part of the same RAM. */
  readonly device: number
  readonly disk: number
}

/** Whether KV changes its home in mid-run: never, where memory or measurements ask for it, or all of it at any time. */
export type CacheMoving = 'never' | 'followed' | 'anywhere'

/** Where everything of a block rests, and what it takes; pure. */
export interface BlockPlan {
  readonly shape: BlockShape
  readonly cacheSpec: CacheSpec
  /** By cache layer and sequence. */
  readonly cacheHomes: readonly (readonly CacheHome[])[]
  /** Rows of a slot of streamed KV, by where it is attended. */
  readonly cacheSlotRows: Readonly<Record<AttentionPlace, number>>
  /** By GPU batch and row. */
  readonly hiddenHomes: readonly (readonly RowHome[])[]
  /** At the longest sequence length of the block. */
  readonly hiddenRowBytes: number
  /** Positions of the whole block for which the head gives something. */
  readonly headPositions: number
  /** Rows that decode in one run where all KV is at hand: a multiple of the GPU batch where several can be merged. */
  readonly decodeBatchRows: number
  readonly bytes: {
    /** KV at its homes; of rows on disk the page that fills rests in RAM. */
    readonly cache: PlannedBytes
    /** Slots for streamed KV rows, and page buffers. */
    readonly cacheStaging: PlannedBytes
    /** What passes between the stages of a layer whose attention runs apart. */
    readonly activations: PlannedBytes
    /** Hidden states, ids, positions, lengths, and gathered rows of a token table. */
    readonly hidden: PlannedBytes
    /** What the head gives: logits, and ids where it chooses them. */
    readonly logits: PlannedBytes
  }
}

/** What is known before bytes are counted. */
type Placed = Omit<BlockPlan, 'bytes' | 'decodeBatchRows' | 'headPositions'>

/** What a block is planned with. */
export interface BlockPlanOptions {
  readonly cacheLayers: number
  readonly computeDtype: DType
  readonly cacheDtype: DType
  readonly hostVisible: boolean
  readonly pagePositions: number
  readonly logits: 'last' | 'all'
  readonly headOutputs: readonly HeadOutput[]
  /** Whether KV off the device may be attended on the host; then the policy says how much of it. */
  readonly hostAttends: boolean
  readonly cacheMoves: CacheMoving
  /** Widths of the values between stages that run apart. */
  readonly activationWidths: readonly number[]
  /** The token table of which only rows are read, if there is one. */
  readonly gatheredTable: WeightUnit | undefined
  /** Whether kernels need no more scratch to decode so many rows at once than the batches need anyway. */
  readonly canDecode: (rows: number) => boolean
}

/** Plans a block of a model under a policy. */
export function planBlock(model: Model, policy: Policy, shape: BlockShape, options: BlockPlanOptions): BlockPlan {
  const { cacheLayers, computeDtype, cacheDtype, hostVisible } = options
  const cacheSpec = {
    kvHeads: model.kvHeads,
    headDim: model.headDim,
    maxPositions: shape.maxPositions,
    dtype: cacheDtype,
  }
  const cacheHomes = placeCache(policy, cacheLayers, shape.sequences, options.hostAttends)
  const cacheSlotRows = {
    device: slotRows(
      cacheHomes,
      policy,
      ({ home, attends }) =>
        options.cacheMoves === 'anywhere' ||
        (hostVisible ? home === 'disk' && attends === 'device' : home !== 'device'),
    ),
    host: slotRows(cacheHomes, policy, ({ home, attends }) => home === 'disk' && attends === 'host'),
  }
  const hiddenRows = take(placeRows(policy.activations), shape.sequences)
  const hiddenHomes = cutBatches(hiddenRows, policy.gpuBatchSize).map((homes) => homes.toSorted(byTier))
  const hiddenRowBytes = shape.maxPromptTokens * dtypeBytes(computeDtype, model.hiddenSize)
  const placed = { shape, cacheSpec, cacheHomes, cacheSlotRows, hiddenHomes, hiddenRowBytes }
  const decodeBatchRows = mergedRows(placed, policy, options)
  const headPositions = shape.sequences * (options.logits === 'all' ? shape.maxPromptTokens : 1)
  const logits = options.headOutputs.reduce((sum, output) => sum + headPositions * output.positionBytes, 0)
  const hidden = hiddenBytes(placed, options)
  const inputs = inputBytes({ ...placed, decodeBatchRows }, policy, options)
  return {
    ...placed,
    headPositions,
    decodeBatchRows,
    bytes: {
      ...cacheBytes(placed, options),
      hidden: {
        host: hidden.host + inputs,
        device: hidden.device + (hostVisible ? 0 : inputs),
        disk: hidden.disk,
      },
      activations: activationBytes(placed, options),
      logits: { host: logits, device: options.hostVisible ? 0 : logits, disk: 0 },
    },
  }
}

/**
 * Rows that decode at once. Every batch reads all weights again from where kernels find them, so batches of which nothing
 * moves between tiers are merged, as far as that takes no more memory than they need for their prompts.
 */
function mergedRows(
  { shape, hiddenHomes, cacheSlotRows }: Placed,
  { gpuBatchSize }: Policy,
  { hostAttends, hostVisible, cacheMoves, logits, canDecode }: BlockPlanOptions,
): number {
  // KV that may move streams at times; then batches decode apart, sweep by sweep.
  const isAtHand = cacheSlotRows.device === 0 || cacheMoves === 'followed'
  const stays = isAtHand && !hostAttends && !hiddenHomes.some((homes) => movesAway(homes, hostVisible))
  if (!stays || logits === 'all') return gpuBatchSize
  // A hidden state of so many rows fits in the slot of a batch of prompts.
  const most = Math.min(hiddenHomes.length, shape.maxPromptTokens)
  for (let batches = most; batches > 1; batches--) {
    if (canDecode(Math.min(batches * gpuBatchSize, shape.sequences))) return batches * gpuBatchSize
  }
  return gpuBatchSize
}

/** Homes by error diffusion, and of those off the device the host's share; rows that are attended alike stand together. */
function placeCache(
  { cache, gpuBatchSize, hostAttentionPercent, placement }: Policy,
  layers: number,
  sequences: number,
  hostAttends: boolean,
): CacheHome[][] {
  const diffused = placeRows(cache)
  const homesOf = (): RowHome[] =>
    placement === 'exact'
      ? take(diffused, sequences)
      : cutBatches(Array.from({ length: sequences }), gpuBatchSize).flatMap(({ length }) =>
          placeCacheLikeFlexgen(cache, length),
        )
  const hostShare = hostAttends ? hostAttentionPercent / 100 : 0
  let owed = 0
  return Array.from({ length: layers }, () => {
    const layer = homesOf().map((home): CacheHome => {
      if (home === 'device') return { home, attends: 'device' }
      owed += hostShare
      const isHost = hostShare > 0 && owed >= 0.5
      if (isHost) owed -= 1
      return { home, attends: isHost ? 'host' : 'device' }
    })
    return cutBatches(layer, gpuBatchSize).flatMap((batch) =>
      batch.toSorted((a, b) => a.attends.localeCompare(b.attends) || byTier(a.home, b.home)),
    )
  })
}

/** Rows are regrouped between sweeps, so a batch may gather as many streamed rows as a layer has. */
function slotRows(
  homes: readonly (readonly CacheHome[])[],
  { gpuBatchSize }: Policy,
  isStreamed: (home: CacheHome) => boolean,
): number {
  return homes.reduce((most, layer) => Math.max(most, Math.min(gpuBatchSize, layer.filter(isStreamed).length)), 0)
}

function cacheBytes(
  { shape, cacheSpec, cacheHomes, cacheSlotRows }: Placed,
  { pagePositions, cacheMoves, hostVisible }: BlockPlanOptions,
): Pick<BlockPlan['bytes'], 'cache' | 'cacheStaging'> {
  const count = (home: RowHome): number =>
    cacheHomes.reduce((sum, homes) => sum + homes.filter((other) => other.home === home).length, 0)
  const rowBytes = cachePageBytes(cacheSpec, shape.maxPositions)
  const pageBytes = cachePageBytes(cacheSpec, pagePositions)
  const diskRows = count('disk')
  const moves = cacheMoves !== 'never'
  // Pages of sweeps and of moves pass through buffers of their own; a row that moves needs a tail before it is freed.
  const lanes = (diskRows > 0 || moves ? 1 : 0) + (moves ? 1 : 0)
  // KV that goes from RAM to the disk passes through a row of the device; where moves follow memory it is made when there is one.
  const scratch = cacheMoves === 'anywhere' && !hostVisible ? rowBytes : 0
  return {
    cache: {
      host: count('ram') * rowBytes + diskRows * pageBytes,
      device: count('device') * rowBytes,
      disk: diskRows * Math.floor(shape.maxPositions / pagePositions) * pageBytes,
    },
    cacheStaging: {
      host:
        lanes * pageBufferBytes(cacheSpec, pagePositions) +
        (moves ? pageBytes : 0) +
        cacheSlotCount * cacheSlotRows.host * rowBytes,
      device: cacheSlotCount * cacheSlotRows.device * rowBytes + scratch,
      disk: 0,
    },
  }
}

function hiddenBytes(
  { hiddenHomes, hiddenRowBytes }: Placed,
  { hostVisible, hostAttends }: BlockPlanOptions,
): PlannedBytes {
  const moving = hiddenHomes.filter((homes) => movesAway(homes, hostVisible)).flat()
  const count = (home: RowHome): number => moving.filter((other) => other === home).length
  const largestBatch = hiddenHomes.reduce((most, homes) => Math.max(most, homes.length), 0)
  const slotRows = hiddenSlotCount(hiddenHomes, hostVisible, hostAttends) * largestBatch
  return {
    host: (count('ram') + (hostVisible ? 0 : count('disk'))) * hiddenRowBytes,
    device: (slotRows + count('device')) * hiddenRowBytes,
    disk: count('disk') * hiddenRowBytes,
  }
}

function activationBytes(
  { shape, hiddenHomes }: Placed,
  { activationWidths, computeDtype, hostVisible }: BlockPlanOptions,
): PlannedBytes {
  const largestBatch = hiddenHomes.reduce((most, homes) => Math.max(most, homes.length), 0)
  const tokens = largestBatch * shape.maxPromptTokens
  const eachBytes = activationWidths.reduce((sum, width) => sum + tokens * dtypeBytes(computeDtype, width), 0)
  const host = activationSlotCount * eachBytes
  return { host, device: hostVisible ? 0 : host, disk: 0 }
}

/**
 * Ids and positions of every token, a length a row, and the rows of the token table that they need; once more for merged
 * batches, which have a token a row.
 */
function inputBytes(
  { shape, hiddenHomes, decodeBatchRows }: Placed & Pick<BlockPlan, 'decodeBatchRows'>,
  { gpuBatchSize }: Policy,
  { gatheredTable }: BlockPlanOptions,
): number {
  const ofBatch = (rows: number, seq: number): number =>
    (2 * rows * seq + rows) * dtypeBytes('int32', 1) +
    (gatheredTable === undefined ? 0 : gatherBytes(gatheredTable, rows * seq))
  const prompts = hiddenHomes.reduce((sum, { length }) => sum + ofBatch(length, shape.maxPromptTokens), 0)
  if (decodeBatchRows === gpuBatchSize) return prompts
  return cutBatches(hiddenHomes.flat(), decodeBatchRows).reduce((sum, { length }) => sum + ofBatch(length, 1), prompts)
}

const tierOrder: readonly RowHome[] = ['device', 'ram', 'disk']

function byTier(a: RowHome, b: RowHome): number {
  return tierOrder.indexOf(a) - tierOrder.indexOf(b)
}

function take(homes: Generator<RowHome, never, void>, count: number): RowHome[] {
  return Array.from({ length: count }, () => homes.next().value)
}
