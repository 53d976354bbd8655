import type { ModelFamily } from '@flexgen/spec'
import { builtinConfig, builtinNames } from './config/builtin-configs.ts'
import { createOptModel } from './create-opt-model.ts'

/** The OPT models, 125m to 175b. */
export const optFamily: ModelFamily = {
  specificationVersion: 'v1',
  modelTypes: ['opt'],
  builtinNames,
  builtinConfig,
  create: createOptModel,
}
