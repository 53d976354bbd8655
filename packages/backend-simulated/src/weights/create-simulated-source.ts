import {
  CorruptDataError,
  type DType,
  type GroupDType,
  InternalError,
  type Model,
  tensorBytes,
  type TensorInfo,
  type WeightSource,
} from '@flexgen/spec'

/** What a simulated checkpoint is made from. */
export interface SimulatedSourceOptions {
  readonly model: Pick<Model, 'name' | 'layers'>
  /** Of all tensors that have no form of their own. Default float16. */
  readonly dtype?: DType
  /** Tensors that are in 4 bits, by name: a compressed checkpoint. */
  readonly forms?: ReadonlyMap<string, GroupDType>
}

/** A checkpoint of a model that has names, shapes and places in files, but no bytes. */
export function createSimulatedSource({
  model,
  dtype = 'float16',
  forms = new Map<string, GroupDType>(),
}: SimulatedSourceOptions): WeightSource {
  const tensors = new Map<string, TensorInfo>()
  for (const { tensor: name, shape } of model.layers.flatMap(({ weights }) => weights.flatMap(({ parts }) => parts))) {
    const own = forms.get(name) ?? dtype
    tensors.set(name, { name, shape, dtype: own, byteLength: tensorBytes(own, shape) })
  }
  const infoOf = (name: string, byteOffset: number, byteLength: number): TensorInfo => {
    const info = tensors.get(name)
    if (info === undefined) throw new CorruptDataError(`${model.name} has no tensor ${name}`)
    if (!(byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= info.byteLength)) {
      throw new InternalError(`bytes ${byteOffset} to ${byteOffset + byteLength} are not in ${name}`)
    }
    return info
  }
  return {
    specificationVersion: 'v1',
    description: `simulated weights of ${model.name}`,
    tensors,
    extents(name, byteOffset, byteLength) {
      infoOf(name, byteOffset, byteLength)
      return [{ path: `simulated/${name}`, byteOffset, byteLength }]
    },
    async read(name, byteOffset, target) {
      infoOf(name, byteOffset, target.byteLength)
      target.fill(0)
    },
    async [Symbol.asyncDispose]() {},
  }
}
