import { type Policy, type TierPercent, UsageError } from '@flexgen/spec'

/** What a policy is made from; FlexGen's six percents are device and RAM of weights, cache and activations. */
export interface PolicyOptions {
  /** `[weights device, weights RAM, cache device, cache RAM, activations device, activations RAM]`; the rest is disk. */
  readonly percent?: readonly number[]
  readonly gpuBatchSize?: number
  readonly numGpuBatches?: number
  readonly overlap?: boolean
  readonly sepLayer?: boolean
  readonly hostAttentionPercent?: number
  readonly attentionSparsity?: number
  readonly compressWeight?: boolean
  readonly compressCache?: boolean
  readonly placement?: Policy['placement']
}

/** Everything on the device, as FlexGen's default. */
export const defaultPercent: readonly number[] = [100, 0, 100, 0, 100, 0]

/**
 * A checked, frozen policy; FlexGen's defaults where nothing is given (gpu batch size 4, one batch, overlap,
 * separate layers).
 * @throws {UsageError} for percents that are not six whole numbers of 0 to 100 with device + RAM at most 100, or
 * batch numbers that are not positive whole numbers
 */
export function createPolicy(options: PolicyOptions = {}): Policy {
  const percent = options.percent ?? defaultPercent
  if (percent.length !== 6) {
    throw new UsageError(`--percent takes six numbers, got ${percent.length}`, {
      hint: 'weights, cache, activations: device and RAM share of each, such as 20 80 0 100 0 100; the rest is disk',
    })
  }
  const tierPercent = (what: string, at: number): TierPercent => createTierPercent(what, percent[at]!, percent[at + 1]!)
  return Object.freeze({
    gpuBatchSize: positive('gpu batch size', options.gpuBatchSize ?? 4),
    numGpuBatches: positive('number of gpu batches', options.numGpuBatches ?? 1),
    weights: tierPercent('weights', 0),
    cache: tierPercent('cache', 2),
    activations: tierPercent('activations', 4),
    overlap: options.overlap ?? true,
    sepLayer: options.sepLayer ?? true,
    hostAttentionPercent: percent100('host attention', options.hostAttentionPercent ?? 0),
    attentionSparsity: share('attention sparsity', options.attentionSparsity ?? 1),
    compressWeight: options.compressWeight ?? false,
    compressCache: options.compressCache ?? false,
    placement: oneOf('placement', ['exact', 'flexgen'], options.placement ?? 'exact'),
  })
}

function createTierPercent(what: string, device: number, ram: number): TierPercent {
  for (const value of [device, ram]) {
    if (!(value >= 0 && value <= 100)) throw new UsageError(`--percent: ${what} has ${value}, outside 0 to 100`)
  }
  if (device + ram > 100) {
    throw new UsageError(`--percent: ${what} has ${device} + ${ram} = ${device + ram}, more than 100`)
  }
  return Object.freeze({ device, ram, disk: 100 - device - ram })
}

function positive(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new UsageError(`${what} must be a whole number above 0, got ${value}`)
}

function percent100(what: string, value: number): number {
  if (value >= 0 && value <= 100) return value
  throw new UsageError(`${what} must be 0 to 100 percent, got ${value}`)
}

function share(what: string, value: number): number {
  if (value >= 0 && value <= 1) return value
  throw new UsageError(`${what} must be 0 to 1, got ${value}`)
}

function oneOf<Value extends string>(what: string, values: readonly Value[], value: Value): Value {
  if (values.includes(value)) return value
  throw new UsageError(`${what} must be one of ${values.join(', ')}, got ${value}`)
}
