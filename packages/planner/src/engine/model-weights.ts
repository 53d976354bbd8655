import {
  defaultLookAhead,
  leastRingBytes,
  lookAheadRingBytes,
  placeWeights,
  type RunPlanner,
  type WeightUnit,
} from '@flexgen/core'
import { type DType, elementCount, type Model } from '@flexgen/spec'

/** What the weights of a model come to when a share of them is on the device, in steps of a percent. */
export interface DeviceShare {
  /** Percent that is asked for. */
  readonly percent: number
  /** Bytes of matrices that are then really on the device, and what prepared kernels hold of them. */
  readonly deviceBytes: number
  readonly preparedBytes: number
  /** Bytes that loading them needs for a moment on a host: a layer as it lies, and the largest once more as prepared. */
  readonly loadBytes: number
  /** Bytes of the ring that the others stream through: with look-ahead, and for one layer at a time. */
  readonly ringBytes: number
  readonly leastRingBytes: number
}

/** The weights of a model as the engine places them. */
export interface ModelWeights {
  readonly units: readonly WeightUnit[]
  readonly matrixBytes: number
  /** Biases and norms, always at hand. */
  readonly vectorBytes: number
  /** Values of the matrices of the decoder layers. */
  readonly bodyParameters: number
  /** Share of them in schedule layers that have no attention: layers of their own, with attention and mlp apart. */
  readonly apartShare: number
  /** Values of the matrices of the last layer. */
  readonly headParameters: number
  readonly headBytes: number
  /** Token table, of which only rows are read where it lies on disk; and a row of it. */
  readonly tableBytes: number
  readonly tableRowBytes: number
  readonly scheduleLayers: number
  /** Dtype of most matrices. */
  readonly dtype: DType
  /** Bytes that prepared kernels hold for a byte of matrices, at least. */
  readonly leastPreparedFactor: number
  /** From 0 to 100 percent. */
  readonly shares: readonly DeviceShare[]
}

const known = new WeakMap<RunPlanner, ModelWeights>()

/** What a percent of the weights on the device comes to; a policy that is given may have any number. */
export function shareOf({ shares }: ModelWeights, planner: RunPlanner, percent: number): DeviceShare {
  return shares[percent] ?? deviceShare(planner, percent)
}

/** The weights of a model in the form that a planner has them. */
export function modelWeights(model: Model, planner: RunPlanner): ModelWeights {
  const made = known.get(planner) ?? measureWeights(model, planner)
  known.set(planner, made)
  return made
}

function measureWeights(model: Model, planner: RunPlanner): ModelWeights {
  const { units, preparedUnitBytes } = planner
  const matrices = units.filter((unit) => unit.kind === 'matrix')
  const last = Math.max(...units.map(({ layer }) => layer))
  const tables = matrices.filter((unit) => unit.spec.access === 'rows')
  const embedded = new Set(model.layers[0]!.weights.map(({ name }) => name))
  const isEmbed = ({ layer, spec }: WeightUnit): boolean => layer === 0 && embedded.has(spec.name)
  const head = matrices.filter(({ layer }) => layer === last)
  const body = matrices.filter((unit) => unit.layer !== last && !isEmbed(unit))
  const isSeparate = last + 1 === model.layers.length
  const apart = body.filter(({ layer }) => isSeparate && model.layers[layer]!.kind === 'mlp')
  const largest = body.toSorted((a, b) => b.sizeBytes - a.sizeBytes)[0] ?? matrices[0]!
  const factors = units.flatMap((unit, i) =>
    unit.kind === 'matrix' ? [preparedUnitBytes[i]! / Math.max(1, unit.sizeBytes)] : [],
  )
  return {
    units,
    matrixBytes: bytesOf(matrices),
    vectorBytes: bytesOf(units) - bytesOf(matrices),
    bodyParameters: parametersOf(body),
    apartShare: parametersOf(apart) / Math.max(1, parametersOf(body)),
    headParameters: parametersOf(head),
    headBytes: bytesOf(head),
    tableBytes: bytesOf(tables),
    tableRowBytes: tables.reduce((sum, { sizeBytes, spec }) => sum + sizeBytes / spec.shape[0]!, 0),
    scheduleLayers: last + 1,
    dtype: largest.dtype,
    leastPreparedFactor: Math.min(...factors),
    shares: Array.from({ length: 101 }, (_, percent) => deviceShare(planner, percent)),
  }
}

function deviceShare({ units, preparedUnitBytes }: RunPlanner, percent: number): DeviceShare {
  const placement = placeWeights(units, { device: percent, ram: 100 - percent, disk: 0 })
  const layers = units.reduce((most, { layer }) => Math.max(most, layer + 1), 0)
  const streamed = Array.from({ length: layers }, (): number[] => [])
  const held = Array.from({ length: layers }, () => ({ sizeBytes: 0, preparedBytes: 0, isPrepared: false }))
  let deviceBytes = 0
  units.forEach(({ kind, layer, sizeBytes }, i) => {
    if (placement[i]!.tier !== 'device') {
      streamed[layer]!.push(sizeBytes)
      return
    }
    const own = held[layer]!
    own.sizeBytes += sizeBytes
    own.preparedBytes += preparedUnitBytes[i]!
    if (kind === 'vector') return
    own.isPrepared = true
    deviceBytes += sizeBytes
  })
  const prepared = held.filter(({ isPrepared }) => isPrepared)
  const most = (values: readonly number[]): number => Math.max(0, ...values)
  return {
    percent,
    deviceBytes,
    preparedBytes: prepared.reduce((sum, own) => sum + own.preparedBytes, 0),
    loadBytes:
      most(prepared.map(({ sizeBytes }) => sizeBytes)) + most(prepared.map(({ preparedBytes }) => preparedBytes)),
    ringBytes: lookAheadRingBytes(streamed, defaultLookAhead),
    leastRingBytes: leastRingBytes(streamed),
  }
}

function bytesOf(units: readonly WeightUnit[]): number {
  return units.reduce((sum, unit) => sum + unit.sizeBytes, 0)
}

function parametersOf(units: readonly WeightUnit[]): number {
  return units.reduce((sum, unit) => sum + elementCount(unit.spec.shape), 0)
}
