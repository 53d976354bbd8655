import { type LinearForm, linearForm, scaleForm, sumForms, termsOf } from '../lp/linear-form.ts'
import type { LinearProgram, LinearRow } from '../lp/linear-program.ts'
import type { BatchSplit } from '../flexgen/flexgen-problem.ts'
import { tierNames } from '../problem/tier-amounts.ts'
import { blockBytes, type BlockBytes } from './block-bytes.ts'
import { fits, layoutBytes } from './engine-memory.ts'
import type { EngineProblem } from './engine-problem.ts'
import { type EngineShareName, engineShareNames, type EngineShares } from './engine-shares.ts'
import { canMerge, decodeTerms, engineResources, prefillTerms, type SweepMode, type SweepTerms } from './sweep-terms.ts'

/** One batch split in one mode: times over the shares, and bytes. */
export interface SplitModel {
  readonly engine: EngineProblem
  readonly split: BatchSplit
  readonly mode: SweepMode
  readonly prefill: SweepTerms
  /** At best: with batches merged where they can be. */
  readonly decode: SweepTerms
  /** With batches apart, as where KV is streamed. */
  readonly apart: SweepTerms
  readonly block: BlockBytes
  /** Seconds of a block at given shares, with weights that are loaded ahead or only when their turn comes. */
  readonly blockSeconds: (shares: EngineShares, isAhead: boolean) => number
  /** What it takes at least, whatever share of the KV the host attends. */
  readonly leastBlockSeconds: (shares: Omit<EngineShares, 'x'>, isAhead: boolean) => number
}

/** The model of a split; undefined where not even an empty machine would hold its buffers. */
export function splitModel(engine: EngineProblem, split: BatchSplit, mode: SweepMode): SplitModel | undefined {
  const block = blockBytes(engine, split)
  if (!fits(constantBytes(engine, block, mode))) return undefined
  const prefill = prefillTerms(engine, split, mode)
  const decode = decodeTerms(engine, split, mode, canMerge(engine, split, mode))
  const apart = decodeTerms(engine, split, mode, false)
  const steps = engine.problem.newTokens - 1
  const ahead = { prefill: compile(prefill, true), merged: compile(decode, true), apart: compile(apart, true) }
  const waiting = { prefill: compile(prefill, false), merged: compile(decode, false), apart: compile(apart, false) }
  const blockSeconds = (shares: Omit<EngineShares, 'x'>, isAhead: boolean, x: HostShare): number => {
    const seconds = isAhead ? ahead : waiting
    const decodes = isStreamed(engine, shares) ? seconds.apart : seconds.merged
    return seconds.prefill(shares, x) + (steps === 0 ? 0 : steps * decodes(shares, x))
  }
  return {
    engine,
    split,
    mode,
    prefill,
    decode,
    apart,
    block,
    blockSeconds: (shares, isAhead) => blockSeconds(shares, isAhead, { least: shares.x, most: shares.x }),
    leastBlockSeconds: (shares, isAhead) =>
      blockSeconds(shares, isAhead, { least: 0, most: mode.hostAttention ? shares.cr + shares.cn : 0 }),
  }
}

/** Whether a layout has KV that streams, so that batches decode apart. */
export function isStreamed({ isHost }: EngineProblem, { cr, cn }: Pick<EngineShares, 'cr' | 'cn'>): boolean {
  return cn > 0 || (!isHost && cr > 0)
}

/** What a layout takes at least. */
function constantBytes(engine: EngineProblem, block: BlockBytes, { hiddenOnDevice, hostAttention }: SweepMode) {
  const nothing = { device: 0, ram: 0, disk: 0 }
  const empty = { weights: nothing, rows: nothing, preparedBytes: 0, loadBytes: 0, ringBytes: 0 }
  return layoutBytes(engine, block, { ...empty, hiddenOnDevice, isSplit: hostAttention })
}

/**
 * What a sweep takes the longest of: every resource, and the wait for the head. Weights for which there is no room
 * ahead are waited for.
 */
export function sweepPaths(
  { resources, headWait, contended, chains, isSerial }: SweepTerms,
  isAhead: boolean,
): LinearForm<EngineShareName>[] {
  if (isSerial) return [sumForms(engineResources.map((name) => resources[name]))]
  const { deviceCompute, ramToDevice, diskRead } = resources
  const waiting = isAhead ? [] : [sumForms([deviceCompute, ramToDevice, diskRead])]
  return [...engineResources.map((name) => resources[name]), headWait, ...contended, ...chains, ...waiting]
}

/** Numbers of a path in a row: its constant, then a coefficient for each share. */
const pathNumbers = 1 + engineShareNames.length

/** Shares of the KV that the host may attend: of each path the one at which it is shortest counts. */
interface HostShare {
  readonly least: number
  readonly most: number
}

/** The same as a function that is called some million times for a plan: numbers of all paths lie one behind the other. */
function compile(
  terms: SweepTerms,
  isAhead: boolean,
): (shares: Omit<EngineShares, 'x'>, attended: HostShare) => number {
  const paths = sweepPaths(terms, isAhead)
  const numbers = Float64Array.from(
    paths.flatMap((form) => [form.constant, ...engineShareNames.map((name) => form.coefficients[name] ?? 0)]),
  )
  return ({ wd, wr, wn, cd, cr, cn }, { least, most }) => {
    let longest = 0
    for (let i = 0; i < numbers.length; i += pathNumbers) {
      const weights = numbers[i + 1]! * wd + numbers[i + 2]! * wr + numbers[i + 3]! * wn
      const cache = numbers[i + 4]! * cd + numbers[i + 5]! * cr + numbers[i + 6]! * cn
      const attended = numbers[i + 7]!
      const seconds = numbers[i]! + weights + cache + attended * (attended < 0 ? most : least)
      if (seconds > longest) longest = seconds
    }
    return longest + terms.fixed
  }
}

/** A program that no layout of a split beats. */
export interface RelaxedProgram {
  readonly program: LinearProgram
  /** Seconds of a block at the program's optimum. */
  readonly seconds: (cost: number) => number
  /** Seconds of a block in any case: what computing takes that depends on no share. */
  readonly leastSeconds: number
}

/**
 * The relaxation of a split that runs in modes which differ in where hidden states are and in how the disk is read: shares
 * of any fineness, neither ring nor slots take memory, and hidden states take what the smallest mode takes and move as
 * little as in the fastest, which stands first.
 */
export function relaxedProgram(models: readonly SplitModel[]): RelaxedProgram {
  const { engine, prefill, decode, mode } = models[0]!
  const steps = engine.problem.newTokens - 1
  const leastCompute = leastOf(prefill.resources.deviceCompute) + steps * leastOf(decode.resources.deviceCompute)
  const fixed = prefill.fixed + steps * decode.fixed
  const rows: LinearRow[] = [
    ...pathRows('tpre', prefill, 1 / leastCompute),
    ...pathRows('tgen', decode, steps / leastCompute),
    { name: 'weights', form: linearForm({ wd: 1, wr: 1, wn: 1 }, -1), relation: '=' },
    { name: 'cache', form: linearForm({ cd: 1, cr: 1, cn: 1 }, -1), relation: '=' },
    { name: 'attended', form: linearForm(mode.hostAttention ? { x: 1, cr: -1, cn: -1 } : { x: 1 }), relation: '<=' },
    ...memoryRows(models),
  ]
  return {
    program: { minimize: linearForm({ tpre: 1, tgen: 1 }), rows },
    seconds: (cost) => cost * leastCompute + fixed,
    leastSeconds: leastCompute + fixed,
  }
}

/** What computing takes with all weights in their fastest form, and no attention but what is done in any case. */
function leastOf({ constant, coefficients }: LinearForm<EngineShareName>): number {
  return constant + Math.min(coefficients.wd ?? 0, coefficients.wr ?? 0, coefficients.wn ?? 0)
}

function pathRows(time: 'tpre' | 'tgen', terms: SweepTerms, factor: number): LinearRow[] {
  return sweepPaths(terms, true)
    .filter((form) => form.constant !== 0 || termsOf(form).some(([, coefficient]) => coefficient !== 0))
    .map((form, i) => ({
      name: `${time}${i}`,
      form: sumForms<string>([scaleForm<string>(form, factor), linearForm({ [time]: -1 })]),
      relation: '<=',
    }))
}

function memoryRows(models: readonly SplitModel[]): LinearRow[] {
  const { engine, block } = models[0]!
  const least = models.map(({ mode }) => constantBytes(engine, block, mode))
  const { matrixBytes } = engine.weights
  const prepared = matrixBytes * engine.weights.leastPreparedFactor
  const kv = block.rows * block.rowBytes
  const tails = block.rows * block.tailBytes
  const ofTier = {
    device: { wd: prepared, cd: kv },
    ram: engine.isHost
      ? { wd: prepared, wr: matrixBytes, cd: kv, cr: kv, cn: tails }
      : { wr: matrixBytes, cr: kv, cn: tails },
    disk: { wn: matrixBytes, cn: block.rows * block.diskRowBytes },
  }
  return tierNames.map((tier) => {
    const room = Math.max(...least.map((bytes) => bytes[tier].allowed - bytes[tier].total))
    const form = linearForm<string>(ofTier[tier], -room)
    return { name: `${tier}_bytes`, form: scaleForm(form, 1 / (room || 2 ** 30)), relation: '<=' }
  })
}
