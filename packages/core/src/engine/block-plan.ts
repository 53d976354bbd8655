import { type CacheSpec, cachePageBytes, dtypeBytes, type DType, type Model, type Policy } from '@flexgen/spec'
import { placeRows, type RowHome } from '../placement/place-rows.ts'
import { cutBatches } from '../schedule/sweep.ts'
import { cacheStagingBytes } from './cache-store.ts'
import { hiddenSlotCount } from './hidden-store.ts'

/** Sizes of a block of sequences. */
export interface BlockShape {
  readonly sequences: number
  readonly maxPromptTokens: number
  /** Positions that every KV row has room for. */
  readonly maxPositions: number
}

/** Where everything of a block rests, and what it takes; pure. */
export interface BlockPlan {
  readonly shape: BlockShape
  readonly cacheSpec: CacheSpec
  /** By cache layer and sequence. */
  readonly cacheHomes: readonly (readonly RowHome[])[]
  readonly cacheSlotRows: number
  /** By GPU batch and row. */
  readonly hiddenHomes: readonly (readonly RowHome[])[]
  readonly hiddenRowBytes: number
  readonly cacheDeviceBytes: number
  readonly cacheRamBytes: number
  readonly cacheStagingBytes: number
  readonly cacheDiskBytes: number
  readonly hiddenBytes: number
  readonly hiddenDiskBytes: number
  readonly logitsBytes: number
}

/** Plans a block of a model under a policy. */
export function planBlock(
  model: Model,
  policy: Policy,
  shape: BlockShape,
  options: {
    readonly cacheLayers: number
    readonly computeDtype: DType
    readonly hostVisible: boolean
    readonly pagePositions: number
    readonly logits: 'last' | 'all'
  },
): BlockPlan {
  const { cacheLayers, computeDtype, hostVisible, pagePositions } = options
  const cacheSpec = {
    kvHeads: model.kvHeads,
    headDim: model.headDim,
    maxPositions: shape.maxPositions,
    dtype: computeDtype,
  }
  const cacheOrder = placeRows(policy.cache)
  const cacheHomes = Array.from({ length: cacheLayers }, () => take(cacheOrder, shape.sequences))
  const isStreamed = (home: RowHome): boolean => home === 'disk' || (home === 'ram' && !hostVisible)
  // Rows are regrouped between sweeps, so a batch may gather as many streamed rows as a layer has.
  const cacheSlotRows = Math.max(
    0,
    ...cacheHomes.map((homes) => Math.min(policy.gpuBatchSize, homes.filter(isStreamed).length)),
  )
  const hiddenRows = take(placeRows(policy.activations), shape.sequences)
  const hiddenHomes = cutBatches(hiddenRows, policy.gpuBatchSize).map((homes) => homes.toSorted(byTier))
  const hiddenRowBytes = shape.maxPromptTokens * dtypeBytes(computeDtype, model.hiddenSize)
  const rowBytes = cachePageBytes(cacheSpec, shape.maxPositions)
  const pageBytes = cachePageBytes(cacheSpec, pagePositions)
  const count = (home: RowHome): number => cacheHomes.flat().filter((other) => other === home).length
  const diskRows = hiddenRows.filter((home) => home === 'disk').length
  const largestBatch = Math.min(policy.gpuBatchSize, shape.sequences)
  const moving = hiddenHomes.filter((homes) => homes.some(isStreamed))
  const logitRows = options.logits === 'all' ? shape.maxPromptTokens : 1
  return {
    shape,
    cacheSpec,
    cacheHomes,
    cacheSlotRows,
    hiddenHomes,
    hiddenRowBytes,
    cacheDeviceBytes: count('device') * rowBytes,
    cacheRamBytes: count('ram') * rowBytes,
    cacheStagingBytes:
      2 * cacheSlotRows * rowBytes +
      count('disk') * pageBytes +
      (count('disk') > 0 ? cacheStagingBytes(cacheSpec, pagePositions) : 0),
    cacheDiskBytes: count('disk') * Math.floor(shape.maxPositions / pagePositions) * pageBytes,
    hiddenBytes:
      (hiddenSlotCount(hiddenHomes, hostVisible) * largestBatch +
        moving.reduce((sum, homes) => sum + homes.filter((home) => home !== 'disk' || !hostVisible).length, 0)) *
      hiddenRowBytes,
    hiddenDiskBytes: diskRows * hiddenRowBytes,
    logitsBytes: (hostVisible ? 1 : 2) * shape.sequences * logitRows * dtypeBytes('float32', model.vocabularySize),
  }
}

const tierOrder: readonly RowHome[] = ['device', 'ram', 'disk']

function byTier(a: RowHome, b: RowHome): number {
  return tierOrder.indexOf(a) - tierOrder.indexOf(b)
}

function take(homes: Generator<RowHome, never, void>, count: number): RowHome[] {
  return Array.from({ length: count }, () => homes.next().value)
}
