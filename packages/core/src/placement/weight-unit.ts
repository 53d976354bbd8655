import {
  type DType,
  pieceRows,
  type ScheduleLayer,
  tensorBytes,
  UnsupportedDataError,
  CorruptDataError,
  type WeightSource,
  type WeightSpec,
} from '@flexgen/spec'

/** The smallest piece of weights that is placed: what a kernel binds under one name. */
export interface WeightUnit {
  /** Index of its layer in the model's layers. */
  readonly layer: number
  readonly spec: WeightSpec
  readonly dtype: DType
  readonly sizeBytes: number
  /** Vectors (biases, norms) are always resident: a read of a few KB costs a seek for nothing. */
  readonly kind: 'matrix' | 'vector'
}

/**
 * The units of a model's layers, in model order, checked against the checkpoint.
 * @throws {FlexgenError} `CORRUPT_DATA` for a missing tensor or another shape, `UNSUPPORTED_DATA` where stacked
 * parts differ in dtype or do not lie in whole pieces
 */
export function listWeightUnits(layers: readonly ScheduleLayer[], source: WeightSource): WeightUnit[] {
  return layers.flatMap((layer, index) => layer.weights.map((spec) => createUnit(index, spec, source)))
}

function createUnit(layer: number, spec: WeightSpec, source: WeightSource): WeightUnit {
  const dtypes = spec.parts.map((part) => {
    const info = source.tensors.get(part.tensor)
    if (info === undefined) throw new CorruptDataError(`${source.description} has no tensor ${part.tensor}`)
    if (String(info.shape) !== String(part.shape)) {
      throw new CorruptDataError(
        `tensor ${part.tensor} has shape [${info.shape.join(', ')}], the config asks for [${part.shape.join(', ')}]`,
      )
    }
    return info.dtype
  })
  const dtype = dtypes[0]!
  if (dtypes.some((other) => other !== dtype)) {
    throw new UnsupportedDataError(
      `${spec.parts.map((part) => part.tensor).join(', ')} differ in dtype: ${dtypes.join(', ')}`,
    )
  }
  const isCut = spec.parts.length > 1 && spec.parts.some((part) => part.shape[0]! % pieceRows(dtype) !== 0)
  if (isCut) {
    throw new UnsupportedDataError(
      `${spec.parts.map((part) => part.tensor).join(', ')} cannot be stacked: ${dtype} lies in pieces of ${pieceRows(dtype)} rows`,
    )
  }
  return {
    layer,
    spec,
    dtype,
    sizeBytes: tensorBytes(dtype, spec.shape),
    kind: spec.shape.length === 1 ? 'vector' : 'matrix',
  }
}
