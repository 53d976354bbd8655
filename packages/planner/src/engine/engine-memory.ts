import { rowBlockMaxBytes } from '@flexgen/core'
import type { BytesByTier, TierUse } from '../result/planned-policy.ts'
import type { BlockBytes } from './block-bytes.ts'
import type { EngineProblem } from './engine-problem.ts'

/** Where everything of a candidate is, in bytes and rows. */
export interface Layout {
  /** Matrices by tier. */
  readonly weights: { readonly device: number; readonly ram: number; readonly disk: number }
  /** What prepared kernels hold of the device's, and what loading them needs for a moment on a host. */
  readonly preparedBytes: number
  readonly loadBytes: number
  /** KV rows by tier. */
  readonly rows: { readonly device: number; readonly ram: number; readonly disk: number }
  readonly hiddenOnDevice: boolean
  /** Whether attention is a stage of its own, which values pass to and from. */
  readonly isSplit: boolean
  /** The ring that streamed weights pass through. */
  readonly ringBytes: number
}

/** Buffers between disk and device memory: `bounceCount` of the engine. */
const bounceBytes = 2 * rowBlockMaxBytes

/** q, k, v and the attended values, in both slots of activations between stages. */
const splitVectors = 8

/**
 * What a layout takes on every tier, as an estimate to search with: no less than the engine's own plan but for what
 * error diffusion deals otherwise. On a host everything but the disk's is RAM, and the device a part of it.
 */
export function layoutBytes(engine: EngineProblem, block: BlockBytes, layout: Layout): BytesByTier {
  return {
    device: tierBytes(engine, block, layout, 'device'),
    ram: tierBytes(engine, block, layout, 'ram'),
    disk: tierBytes(engine, block, layout, 'disk'),
  }
}

/** The same of one tier: a search asks for one at a time, some million times. */
export function tierBytes(engine: EngineProblem, block: BlockBytes, layout: Layout, tier: keyof BytesByTier): TierUse {
  const parts = partsOf[tier](engine, block, layout)
  const [weights, cache] = [Math.ceil(parts.weights), Math.ceil(parts.cache)]
  const [activations, staging] = [Math.ceil(parts.activations), Math.ceil(parts.staging)]
  return {
    weights,
    cache,
    activations,
    staging,
    total: weights + cache + activations + staging,
    allowed: Math.floor(engine.allowedBytes[tier]),
    capacity: engine.problem.capacity[tier],
  }
}

type Parts = Pick<TierUse, 'weights' | 'cache' | 'activations' | 'staging'>

const partsOf: Readonly<
  Record<keyof BytesByTier, (engine: EngineProblem, block: BlockBytes, layout: Layout) => Parts>
> = {
  device: (engine, block, layout) => {
    const { isHost } = engine
    const { rows, isSplit, hiddenOnDevice, ringBytes, preparedBytes } = layout
    const batchHidden = block.hiddenBytes - block.movingHiddenBytes
    const hidden = hiddenOnDevice || isHost ? block.hiddenBytes : (isSplit ? 5 : 4) * batchHidden
    const beside = activationBytes(block, layout) + block.inputBytes + gatherBytes(block, layout)
    return {
      weights: preparedBytes + (isHost ? 0 : engine.weights.vectorBytes),
      cache: rows.device * block.rowBytes,
      activations: hidden + block.logitBytes + (isHost ? 0 : beside),
      staging: block.workspaceBytes + slotBytes(engine, block, layout) + (isHost ? 0 : ringBytes),
    }
  },
  ram: (engine, block, layout) => {
    const { weights, rows, hiddenOnDevice, ringBytes, preparedBytes, loadBytes } = layout
    const tails = rows.disk * block.tailBytes
    const pageBuffers = rows.disk > 0 ? block.pageBufferBytes : 0
    const inputs = block.inputBytes + gatherBytes(block, layout)
    if (engine.isHost)
      return {
        weights: preparedBytes + weights.ram + engine.weights.vectorBytes,
        cache: (rows.device + rows.ram) * block.rowBytes + tails,
        activations: block.hiddenBytes + inputs + block.logitBytes,
        staging: block.workspaceBytes + slotBytes(engine, block, layout) + pageBuffers + Math.max(ringBytes, loadBytes),
      }
    const moving = hiddenOnDevice ? 0 : block.movingHiddenBytes
    return {
      weights: weights.ram,
      cache: rows.ram * block.rowBytes + tails,
      activations: moving + activationBytes(block, layout) + inputs + block.logitBytes,
      staging: (weights.disk > 0 ? bounceBytes : 0) + pageBuffers + loadBytes,
    }
  },
  disk: (_, block, { weights, rows }) => ({
    weights: weights.disk,
    cache: rows.disk * block.diskRowBytes,
    activations: 0,
    staging: 0,
  }),
}

function slotBytes({ isHost }: EngineProblem, block: BlockBytes, { rows }: Layout): number {
  return (isHost ? rows.disk : rows.ram + rows.disk) > 0 ? block.slotBytes : 0
}

/** Between stages, where attention is one of its own. */
function activationBytes(block: BlockBytes, { isSplit }: Layout): number {
  return isSplit ? splitVectors * (block.hiddenBytes - block.movingHiddenBytes) : 0
}

/** Rows of the token table that are looked up on disk. */
function gatherBytes(block: BlockBytes, { weights }: Layout): number {
  return weights.disk > 0 ? block.gatherBytes : 0
}

/** Whether every tier has room. */
export function fits(bytes: BytesByTier): boolean {
  return Object.values(bytes).every((tier: TierUse) => tier.total <= tier.allowed)
}
