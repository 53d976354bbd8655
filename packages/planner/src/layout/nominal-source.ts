import { chooseWeightForms } from '@flexgen/core'
import { type DType, InternalError, type Model, tensorBytes, type TensorInfo, type WeightSource } from '@flexgen/spec'

/** The weights of a model of which only the config is there, for planning: names, shapes and dtypes without bytes. */
export function nominalSource(model: Model, dtype: DType, compress: boolean): WeightSource {
  const forms = compress ? chooseWeightForms(model) : new Map<string, DType>()
  const parts = model.layers.flatMap(({ weights }) => weights.flatMap((weight) => weight.parts))
  const tensors = new Map(
    parts.map(({ tensor, shape }): [string, TensorInfo] => {
      const used = forms.get(tensor) ?? dtype
      return [tensor, { name: tensor, shape, dtype: used, byteLength: tensorBytes(used, shape) }]
    }),
  )
  return {
    specificationVersion: 'v1',
    description: `${model.name} by its config`,
    tensors,
    extents: () => undefined,
    read: () => Promise.reject(new InternalError('weights that are only planned with cannot be read')),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
