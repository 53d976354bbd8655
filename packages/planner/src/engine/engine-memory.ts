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
  const { weights, rows, hiddenOnDevice, isSplit, ringBytes, preparedBytes: prepared, loadBytes } = layout
  const vectors = engine.weights.vectorBytes
  const isStreaming = engine.isHost ? rows.disk > 0 : rows.ram + rows.disk > 0
  const slots = isStreaming ? block.slotBytes : 0
  const tails = rows.disk * block.tailBytes
  const pageBuffers = rows.disk > 0 ? block.pageBufferBytes : 0
  const batchHidden = block.hiddenBytes - block.movingHiddenBytes
  const still = hiddenOnDevice || engine.isHost
  const hidden = still ? block.hiddenBytes : (isSplit ? 5 : 4) * batchHidden
  const activations = isSplit ? splitVectors * batchHidden : 0
  const inputs = block.inputBytes + (weights.disk > 0 ? block.gatherBytes : 0)
  const disk = use({ weights: weights.disk, cache: rows.disk * block.diskRowBytes, activations: 0, staging: 0 })
  if (engine.isHost) {
    const device = {
      weights: prepared,
      cache: rows.device * block.rowBytes,
      activations: hidden + block.logitBytes,
      staging: block.workspaceBytes + slots,
    }
    const ram = {
      weights: prepared + weights.ram + vectors,
      cache: (rows.device + rows.ram) * block.rowBytes + tails,
      activations: hidden + inputs + block.logitBytes,
      staging: block.workspaceBytes + slots + pageBuffers + Math.max(ringBytes, loadBytes),
    }
    return finish(engine, use(device), use(ram), disk)
  }
  const device = {
    weights: prepared + vectors,
    cache: rows.device * block.rowBytes,
    activations: hidden + activations + inputs + block.logitBytes,
    staging: block.workspaceBytes + slots + ringBytes,
  }
  const ram = {
    weights: weights.ram,
    cache: rows.ram * block.rowBytes + tails,
    activations: (hiddenOnDevice ? 0 : block.movingHiddenBytes) + activations + inputs + block.logitBytes,
    staging: (weights.disk > 0 ? bounceBytes : 0) + pageBuffers + loadBytes,
  }
  return finish(engine, use(device), use(ram), disk)
}

type Parts = Pick<TierUse, 'weights' | 'cache' | 'activations' | 'staging'>

function use(parts: Parts): Parts & { readonly total: number } {
  const rounded = {
    weights: Math.ceil(parts.weights),
    cache: Math.ceil(parts.cache),
    activations: Math.ceil(parts.activations),
    staging: Math.ceil(parts.staging),
  }
  return { ...rounded, total: rounded.weights + rounded.cache + rounded.activations + rounded.staging }
}

function finish(
  { allowedBytes, problem: { capacity } }: EngineProblem,
  device: Parts & { readonly total: number },
  ram: Parts & { readonly total: number },
  disk: Parts & { readonly total: number },
): BytesByTier {
  const bounds = (tier: keyof BytesByTier): { allowed: number; capacity: number } => ({
    allowed: Math.floor(allowedBytes[tier]),
    capacity: capacity[tier],
  })
  return {
    device: { ...device, ...bounds('device') },
    ram: { ...ram, ...bounds('ram') },
    disk: { ...disk, ...bounds('disk') },
  }
}

/** Whether every tier has room. */
export function fits(bytes: BytesByTier): boolean {
  return Object.values(bytes).every((tier: TierUse) => tier.total <= tier.allowed)
}
