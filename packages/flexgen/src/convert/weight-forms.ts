import { chooseWeightForms } from '@flexgen/core'
import { type GroupDType, isGroupDType, type Model, type WeightSource } from '@flexgen/spec'

/** Which way the groups of 64 values run: down FlexGen's output channels, or along the inputs of each output. */
export type WeightForm = 'flexgen' | 'inputs'

/** Whether a checkpoint has 4-bit weights. */
export function isCompressed({ tensors }: Pick<WeightSource, 'tensors'>): boolean {
  return [...tensors.values()].some(({ dtype }) => isGroupDType(dtype))
}

/** The 4-bit dtype of every matrix of a model, by the name of its tensor. */
export function weightFormsOf(model: Model, form: WeightForm): ReadonlyMap<string, GroupDType> {
  const forms = chooseWeightForms(model)
  return form === 'flexgen' ? forms : new Map([...forms.keys()].map((name) => [name, 'q4g64']))
}
