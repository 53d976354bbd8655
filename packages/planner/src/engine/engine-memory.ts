import type { EngineProblem } from './engine-problem.ts'
import type { BlockBytes } from './block-bytes.ts'
import type { BytesByTier, TierUse } from '../result/planned-policy.ts'

/** Where everything of a candidate is, in bytes and rows. */
export interface Layout {
  /** Matrices by tier. */
  readonly weights: { readonly device: number; readonly ram: number; readonly disk: number }
  /** KV rows by tier. */
  readonly rows: { readonly device: number; readonly ram: number; readonly disk: number }
  readonly hiddenOnDevice: boolean
  /** The ring that streamed weights pass through. */
  readonly ringBytes: number
}

/** Buffers between disk and device memory, two row blocks: `bounceCount` and `rowBlockMaxBytes` of the engine. */
const bounceBytes = 2 * 64 * 2 ** 20

/** What a layout takes on every tier. On a host everything but the disk's is RAM, and the device a part of it. */
export function layoutBytes(engine: EngineProblem, block: BlockBytes, layout: Layout): BytesByTier {
  const { weights, rows, hiddenOnDevice, ringBytes } = layout
  const prepared = weights.device * engine.preparedFactor
  const vectors = engine.weights.vectorBytes
  const isStreaming = engine.isHost ? rows.disk > 0 : rows.ram + rows.disk > 0
  const slots = isStreaming ? block.slotBytes : 0
  const tails = rows.disk * block.tailBytes + (rows.disk > 0 ? block.pageBufferBytes : 0)
  const hidden = hiddenOnDevice || engine.isHost ? block.hiddenBytes : 4 * (block.hiddenBytes - block.movingHiddenBytes)
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
      activations: hidden + block.inputBytes + block.logitBytes,
      staging: block.workspaceBytes + slots + ringBytes,
    }
    return finish(engine, use(device), use(ram), disk)
  }
  const device = {
    weights: prepared + vectors,
    cache: rows.device * block.rowBytes,
    activations: hidden + block.inputBytes + block.logitBytes,
    staging: block.workspaceBytes + slots + ringBytes,
  }
  const ram = {
    weights: weights.ram,
    cache: rows.ram * block.rowBytes + tails,
    activations: (hiddenOnDevice ? 0 : block.movingHiddenBytes) + block.inputBytes + block.logitBytes,
    staging: weights.disk > 0 ? bounceBytes : 0,
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
