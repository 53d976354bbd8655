import { rowBlockMaxBytes } from '@flexgen/core'
import type { Percent } from '../result/planned-policy.ts'
import { type DeviceShare, shareOf } from './model-weights.ts'
import { fits, type Layout, layoutBytes, tierBytes } from './engine-memory.ts'
import type { EngineShares } from './engine-shares.ts'
import { readWay } from './page-cache.ts'
import type { SplitModel } from './split-model.ts'

/** A policy of a split that fits, in whole percents. */
export interface FoundLayout {
  readonly model: SplitModel
  /** Whether weights are loaded ahead of the layer that computes; else they are waited for. */
  readonly isAhead: boolean
  readonly percent: Percent
  /** Percent of the KV off the device that the host attends. */
  readonly hostAttentionPercent: number
  readonly shares: EngineShares
  readonly layout: Layout
  readonly blockSeconds: number
}

/** Steps of the shares of KV that are tried, in percent. */
const cacheStep = 2

/**
 * The fastest layout of a split among whole percents; undefined where none fits. Every share of KV is tried in steps.
 * On a device the weights take what is left of it, since nothing is slower there, or less where loading that takes RAM
 * which is not there; on a host, where held weights take more RAM than others, every share of them is tried. RAM takes what it can of the rest. What is tried does not hang
 * on capacities or speeds, but for filling up: so more of either is never slower.
 * @param below seconds of a block: what certainly takes more need not be found
 */
export function searchLayouts(
  model: SplitModel,
  fixed: Percent | undefined,
  below: number = Number.POSITIVE_INFINITY,
): FoundLayout | undefined {
  const { engine } = model
  const ways = engine.problem.overlap ? [true, false] : [false]
  let best: FoundLayout | undefined
  let bestIndex = 0
  /** Of layouts that are alike in all that counts the first is taken. */
  const consider = (found: FoundLayout | undefined, index: number): void => {
    if (found === undefined) return
    if (best !== undefined && !isBetter(found, best) && (isBetter(best, found) || index > bestIndex)) return
    best = found
    bestIndex = index
  }
  if (fixed !== undefined) {
    const [wd, wr, cd, cr] = fixed
    const share = shareOf(engine.weights, engine.planner, wd)
    for (const [index, isAhead] of ways.entries()) consider(place(model, { share, cd, cr, isAhead }, wr), index)
    return best
  }
  const placings = ways.flatMap((isAhead) =>
    steps(engine.isHost ? 0 : 100).flatMap((cd) => {
      const tried = triedShares(model, cd, isAhead)
      return steps(100 - cd).flatMap((cr) => tried.map((share) => ({ share, cd, cr, isAhead })))
    }),
  )
  const bounded = placings
    .map((placing, index) => ({ placing, index, leastSeconds: leastSeconds(model, placing) }))
    .filter((bound) => bound.leastSeconds <= below * (1 + tieShare))
  for (const bound of bounded.toSorted((one, other) => one.leastSeconds - other.leastSeconds)) {
    if (best !== undefined && bound.leastSeconds > best.blockSeconds * (1 + tieShare)) break
    consider(place(model, bound.placing, undefined), bound.index)
  }
  return best
}

/** Seconds that no layout goes below, with as much of the streamed weights in RAM as may find room there; infinite where KV has none. */
function leastSeconds(model: SplitModel, { share, cd, cr, isAhead }: Placing): number {
  const { engine, block } = model
  const { matrixBytes } = engine.weights
  const rows = rowsOf(block.rows, cd, cr)
  const heldBytes = engine.isHost ? share.preparedBytes + rows.device * block.rowBytes : 0
  const roomBytes = Math.floor(engine.allowedBytes.ram) - heldBytes - rows.ram * block.rowBytes
  if (roomBytes < 0) return Number.POSITIVE_INFINITY
  const wd = share.deviceBytes / matrixBytes
  const wr = Math.max(0, Math.min(1 - wd, roomBytes / matrixBytes))
  const weights = { wd, wr, wn: Math.max(0, 1 - wd - wr) }
  return model.leastBlockSeconds({ ...weights, cd: cd / 100, cr: cr / 100, cn: (100 - cd - cr) / 100 }, isAhead)
}

/** Steps in which a search looks for any layout at all. */
const coarseStep = 10

/** Whether any layout fits, with weights that are waited for, since that takes least. */
export function hasLayout(model: SplitModel, fixed: Percent | undefined): boolean {
  const { weights, planner, isHost } = model.engine
  if (fixed !== undefined) {
    const [wd, wr, cd, cr] = fixed
    return place(model, { share: shareOf(weights, planner, wd), cd, cr, isAhead: false }, wr) !== undefined
  }
  return steps(isHost ? 0 : 100, coarseStep).some((cd) => {
    const tried = triedShares(model, cd, false)
    return steps(100 - cd, coarseStep).some((cr) =>
      tried.some((share) => place(model, { share, cd, cr, isAhead: false }, undefined) !== undefined),
    )
  })
}

/** Shares of the weights that are tried beside a share of KV, those with most on the device first. */
function triedShares(model: SplitModel, cd: number, isAhead: boolean): readonly DeviceShare[] {
  const { weights, isHost } = model.engine
  const fitting = byDeviceBytes(weights.shares).filter((share) => fitsDevice(model, share, cd, isAhead))
  if (isHost) return fitting
  let leastLoadBytes = Number.POSITIVE_INFINITY
  return fitting.filter(({ loadBytes }) => {
    if (loadBytes >= leastLoadBytes) return false
    leastLoadBytes = loadBytes
    return true
  })
}

function steps(most: number, step = cacheStep): number[] {
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step)
}

/** Times that differ by less are equal. */
export const tieShare = 1e-9

/** Faster, or as fast with less on disk, or with fewer bytes that move. */
export function isBetter(a: FoundLayout, b: FoundLayout): boolean {
  const difference = a.blockSeconds / b.blockSeconds - 1
  if (Math.abs(difference) > tieShare) return difference < 0
  const disk = diskBytes(a) - diskBytes(b)
  return disk === 0 ? movedBytes(a) < movedBytes(b) : disk < 0
}

/** KV counts in whole rows: what is too short for a page has no business on disk either. */
function diskBytes({ layout, model }: FoundLayout): number {
  return layout.weights.disk + layout.rows.disk * model.block.rowBytes
}

function movedBytes({ layout, model }: FoundLayout): number {
  return layout.weights.ram + layout.weights.disk + (layout.rows.ram + layout.rows.disk) * model.block.rowBytes
}

const sorted = new WeakMap<readonly DeviceShare[], readonly DeviceShare[]>()

/** Most on the device first; of shares that come to the same, the smallest percent. */
function byDeviceBytes(shares: readonly DeviceShare[]): readonly DeviceShare[] {
  const known = sorted.get(shares)
  if (known !== undefined) return known
  const made = shares.toSorted((a, b) => b.deviceBytes - a.deviceBytes || a.percent - b.percent)
  sorted.set(shares, made)
  return made
}

/** What a layout is made from. */
interface Placing {
  readonly share: DeviceShare
  /** Percents of KV on the device and in RAM. */
  readonly cd: number
  readonly cr: number
  /** Whether the ring has room for layers ahead. */
  readonly isAhead: boolean
}

function layoutOf(model: SplitModel, { share, cd, cr, isAhead }: Placing, wr: number): Layout {
  const { engine, block, mode } = model
  const streamed = engine.weights.matrixBytes - share.deviceBytes
  const ram = share.percent === 100 ? 0 : streamed * (wr / (100 - share.percent))
  const weights = { device: share.deviceBytes, ram, disk: Math.max(0, streamed - ram) }
  const passes = engine.isHost ? wr < 100 - share.percent : streamed > 0
  const ring = isAhead ? share.ringBytes : share.leastRingBytes
  return {
    weights,
    preparedBytes: share.preparedBytes,
    loadBytes: share.loadBytes,
    rows: rowsOf(block.rows, cd, cr),
    hiddenOnDevice: mode.hiddenOnDevice,
    isSplit: mode.hostAttention,
    ringBytes: passes ? ring : 0,
  }
}

function fitsDevice(model: SplitModel, share: DeviceShare, cd: number, isAhead: boolean): boolean {
  const layout = layoutOf(model, { share, cd, cr: 100 - cd, isAhead }, 0)
  const device = tierBytes(model.engine, model.block, layout, 'device')
  return device.total <= device.allowed
}

/** A policy that is given whole, whether or not it fits. */
export function layoutOfPercent(
  model: SplitModel,
  given: {
    readonly percent: Percent
    readonly hostAttentionPercent: number
    readonly isAhead: boolean
  },
): FoundLayout {
  const { percent, hostAttentionPercent, isAhead } = given
  const [wd, wr, cd, cr] = percent
  const share = shareOf(model.engine.weights, model.engine.planner, wd)
  const layout = layoutOf(model, { share, cd, cr, isAhead }, wr)
  const shares = sharesOf(model, layout, cd, cr)
  const attended = { ...shares, x: (hostAttentionPercent / 100) * (shares.cr + shares.cn) }
  return {
    model,
    isAhead,
    percent,
    hostAttentionPercent,
    shares: attended,
    layout,
    blockSeconds: model.blockSeconds(attended, isAhead),
  }
}

function sharesOf(model: SplitModel, { weights }: Layout, cd: number, cr: number): Omit<EngineShares, 'x'> {
  const { matrixBytes } = model.engine.weights
  return {
    wd: weights.device / matrixBytes,
    wr: weights.ram / matrixBytes,
    wn: weights.disk / matrixBytes,
    cd: cd / 100,
    cr: cr / 100,
    cn: (100 - cd - cr) / 100,
  }
}

/** A layout with as much of the streamed weights in RAM as fits, or a given share. */
function place(model: SplitModel, placing: Placing, ramPercent: number | undefined): FoundLayout | undefined {
  const { engine, block } = model
  const { share, cd, cr, isAhead } = placing
  const off = 100 - share.percent
  const layoutAt = (wr: number): Layout => {
    const layout = layoutOf(model, placing, wr)
    // Matrices are dealt in blocks of rows: RAM, or the disk, may get half a block more than its share.
    const slack = wr === 0 || wr === off ? 0 : rowBlockMaxBytes / 2
    const { device, ram, disk } = layout.weights
    return { ...layout, weights: { device, ram: ram + slack, disk: disk + slack } }
  }
  const ramFits = (wr: number): boolean => {
    const ram = tierBytes(engine, block, layoutAt(wr), 'ram')
    return ram.total <= ram.allowed
  }
  /** Where RAM is full, some weights being on the disk: what lies there grows with its share by a line. */
  const nearFull = (): number => {
    const ram = tierBytes(engine, block, layoutAt(0), 'ram')
    const weightBytes = engine.weights.matrixBytes - share.deviceBytes
    return weightBytes > 0 ? (off * (ram.allowed - ram.total - rowBlockMaxBytes / 2)) / weightBytes : 0
  }
  const wr = ramPercent ?? (ramFits(off) ? off : largestWhere(off - 1, ramFits, nearFull()))
  if (wr === undefined || wr > off) return undefined
  const bytes = layoutBytes(engine, block, layoutAt(wr))
  if (!fits(bytes)) return undefined
  if (model.mode.readWay === 'cached' && readWay(engine, bytes.disk.total, bytes.ram.total) !== 'cached') {
    return undefined
  }
  const layout = layoutOf(model, placing, wr)
  const shares = sharesOf(model, layout, cd, cr)
  const hostAttentionPercent = bestHostShare(model, shares, isAhead)
  const attended = { ...shares, x: (hostAttentionPercent / 100) * (shares.cr + shares.cn) }
  const hg = layout.hiddenOnDevice ? 100 : 0
  return {
    model,
    isAhead,
    percent: engine.problem.fixed.percent ?? [share.percent, wr, cd, cr, hg, 100 - hg],
    hostAttentionPercent,
    shares: attended,
    layout,
    blockSeconds: model.blockSeconds(attended, isAhead),
  }
}

/**
 * The largest whole number of 0 to `most` for which a condition holds that holds up to some number only.
 * @param guess about where that is
 */
function largestWhere(most: number, holds: (value: number) => boolean, guess: number): number | undefined {
  if (most < 0) return undefined
  const near = guess > 0 ? Math.min(most, Math.floor(guess)) : 0
  let [low, high] = holds(near) ? [near, most] : [-1, near - 1]
  // The guess is mostly right.
  if (low < high && low >= 0 && !holds(low + 1)) high = low
  while (low < high) {
    const middle = low + Math.ceil((high - low) / 2)
    if (holds(middle)) low = middle
    else high = middle - 1
  }
  return low < 0 ? undefined : low
}

/** The most rows by tier: error diffusion may give any tier one more than its share. */
function rowsOf(rows: number, cd: number, cr: number): Layout['rows'] {
  const count = (percent: number): number =>
    percent === 0 ? 0 : Math.min(rows, Math.floor((rows * percent) / 100 + 1e-9) + 1)
  return { device: count(cd), ram: count(cr), disk: count(100 - cd - cr) }
}

/** The share of off-device KV that is best attended on the host; a block's time is convex in it. */
function bestHostShare(model: SplitModel, shares: Omit<EngineShares, 'x'>, isAhead: boolean): number {
  const off = shares.cr + shares.cn
  if (!model.mode.hostAttention || off === 0) return 0
  const seconds = (percent: number): number => model.blockSeconds({ ...shares, x: (percent / 100) * off }, isAhead)
  let [low, high] = [0, 100]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (seconds(middle) <= seconds(middle + 1)) high = middle
    else low = middle + 1
  }
  return low
}
