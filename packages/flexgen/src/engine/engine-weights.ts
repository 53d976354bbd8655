import { compressSource } from '@flexgen/checkpoint'
import type { BackendCapabilities, Policy, WeightSource } from '@flexgen/spec'
import { isCompressed, weightFormsOf } from '../convert/weight-forms.ts'
import type { OpenedModel } from '../model/open-model.ts'

/** The weights that an engine runs on, and what users should know of them. */
export interface EngineWeights {
  readonly weights: WeightSource
  readonly notices: readonly string[]
}

/**
 * The weights of a model as the policy wants them: compressed as they are read, where they are not compressed already.
 * Groups run down the output channels, as FlexGen's, but along the inputs where the backend has kernels for those alone.
 */
export function engineWeightsOf(
  { model, weights }: Pick<OpenedModel, 'model' | 'weights'>,
  { compressWeight }: Pick<Policy, 'compressWeight'>,
  backend: { readonly name: string; readonly capabilities: Pick<BackendCapabilities, 'weightDtypes'> },
): EngineWeights {
  if (!compressWeight) return { weights, notices: [] }
  if (isCompressed(weights))
    return { weights, notices: ['the checkpoint is compressed already: --compress-weight changes nothing'] }
  const { weightDtypes } = backend.capabilities
  if (weightDtypes.includes('q4g64c') || !weightDtypes.includes('q4g64'))
    return { weights: compressSource(weights, weightFormsOf(model, 'flexgen')), notices: [] }
  return {
    weights: compressSource(weights, weightFormsOf(model, 'inputs')),
    notices: [
      `${backend.name} reads 4-bit groups along the inputs: weights are compressed in that form, not in FlexGen's`,
    ],
  }
}
