import { placeWeights, type WeightUnit } from '@flexgen/core'
import { dtypeBytes, type DType, elementCount, type Model, q4Group, type WeightSpec } from '@flexgen/spec'

/** Layers whose weights stream ahead of the one that computes: `defaultLookAhead` of the engine. */
export const lookAhead = 2

/** What the weights of a model come to when a share of them is on the device, in steps of a percent. */
export interface DeviceShare {
  /** Percent that is asked for. */
  readonly percent: number
  /** Bytes of matrices that are then really on the device. */
  readonly deviceBytes: number
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
  /** Values of the matrices of the last layer. */
  readonly headParameters: number
  readonly headBytes: number
  /** Token table, of which only rows are read where it lies on disk. */
  readonly tableBytes: number
  readonly scheduleLayers: number
  /** From 0 to 100 percent. */
  readonly shares: readonly DeviceShare[]
}

const known = new WeakMap<Model, Map<string, ModelWeights>>()

/** What a percent of the weights on the device comes to; a policy that is given may have any number. */
export function shareOf({ shares, units, scheduleLayers }: ModelWeights, percent: number): DeviceShare {
  return shares[percent] ?? deviceShare(units, scheduleLayers, percent)
}

/** The weights of a model in a dtype; with `compress` all matrices whose size allows it are in 4 bits. */
export function modelWeights(model: Model, dtype: DType, compress: boolean): ModelWeights {
  const ofModel = known.get(model) ?? new Map<string, ModelWeights>()
  known.set(model, ofModel)
  const key = `${dtype} ${compress}`
  const weights = ofModel.get(key) ?? measureWeights(model, dtype, compress)
  ofModel.set(key, weights)
  return weights
}

function measureWeights(model: Model, dtype: DType, compress: boolean): ModelWeights {
  const units = model.layers.flatMap((layer, index) =>
    layer.weights.map((spec) => createUnit(index, spec, dtype, compress)),
  )
  const matrices = units.filter((unit) => unit.kind === 'matrix')
  const kindOf = ({ layer }: WeightUnit): string => model.layers[layer]!.kind
  const body = matrices.filter((unit) => kindOf(unit) === 'attention' || kindOf(unit) === 'mlp')
  const head = matrices.filter((unit) => kindOf(unit) === 'head')
  return {
    units,
    matrixBytes: bytesOf(matrices),
    vectorBytes: bytesOf(units) - bytesOf(matrices),
    bodyParameters: parametersOf(body),
    headParameters: parametersOf(head),
    headBytes: bytesOf(head),
    tableBytes: bytesOf(matrices.filter((unit) => unit.spec.access === 'rows')),
    scheduleLayers: model.layers.length,
    shares: Array.from({ length: 101 }, (_, percent) => deviceShare(units, model.layers.length, percent)),
  }
}

function createUnit(layer: number, spec: WeightSpec, dtype: DType, compress: boolean): WeightUnit {
  const count = elementCount(spec.shape)
  const kind = spec.shape.length === 1 ? 'vector' : 'matrix'
  const isCompressed = compress && kind === 'matrix' && count % q4Group.values === 0
  const used = isCompressed ? 'q4g64' : dtype
  return { layer, spec, dtype: used, sizeBytes: dtypeBytes(used, count), kind }
}

function deviceShare(units: readonly WeightUnit[], layers: number, percent: number): DeviceShare {
  const placement = placeWeights(units, { device: percent, ram: 100 - percent, disk: 0 })
  const streamed = Array.from({ length: layers }, (): number[] => [])
  let deviceBytes = 0
  units.forEach(({ kind, layer, sizeBytes }, i) => {
    if (kind === 'vector') return
    if (placement[i]!.tier === 'device') deviceBytes += sizeBytes
    else streamed[layer]!.push(sizeBytes)
  })
  return { percent, deviceBytes, ...ringOf(streamed) }
}

/** The engine's staging ring: the layers that are ahead, and an end that a piece may leave unused. */
function ringOf(layers: readonly (readonly number[])[]): { ringBytes: number; leastRingBytes: number } {
  const total = (pieces: readonly number[]): number => pieces.reduce((sum, bytes) => sum + bytes, 0)
  const largest = Math.max(0, ...layers.flat())
  const window = (at: number): number =>
    Array.from({ length: lookAhead + 1 }, (_, i) => total(layers[(at + i) % layers.length]!)).reduce((a, b) => a + b, 0)
  return {
    ringBytes: Math.max(...layers.map((_, at) => window(at))) + largest,
    leastRingBytes: Math.max(...layers.map(total)) + largest,
  }
}

function bytesOf(units: readonly WeightUnit[]): number {
  return units.reduce((sum, unit) => sum + unit.sizeBytes, 0)
}

function parametersOf(units: readonly WeightUnit[]): number {
  return units.reduce((sum, unit) => sum + elementCount(unit.spec.shape), 0)
}
