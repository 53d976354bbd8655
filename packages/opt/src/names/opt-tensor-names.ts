import { CorruptDataError } from '@flexgen/spec'
import { listNames } from '../text/show-value.ts'

/** Names of the tensors of one checkpoint. */
export interface OptTensorNames {
  /** A tensor of the decoder, such as `embed_tokens.weight`. */
  decoder(name: string): string
  /** The weight or bias of the layer norm before the head. */
  finalNorm(name: 'weight' | 'bias'): string
  /** The untied head. */
  readonly head: string
}

const table = 'embed_tokens.weight'

/**
 * Recognises how a checkpoint names its tensors: with the prefix that its token table has (`model.decoder.`,
 * `decoder.`, `model.` or none), and the final layer norm as transformers or as FlexGen's `-np` folders call it.
 *
 * @param tensorNames names in the checkpoint; absent for generated weights, which get transformers' names
 * @throws {CorruptDataError} where there is no token table, or more than one
 */
export function recogniseTensorNames(tensorNames?: ReadonlySet<string>): OptTensorNames {
  if (tensorNames === undefined) return createNames('model.decoder.', 'final_layer_norm')
  const tables = [...tensorNames].filter((name) => name === table || name.endsWith(`.${table}`))
  if (tables.length !== 1) {
    const found = tables.length === 0 ? `no ${table}` : listNames(tables)
    throw new CorruptDataError(`the checkpoint has ${found}, an OPT model has one ${table}`)
  }
  const prefix = tables[0]!.slice(0, -table.length)
  return createNames(prefix, tensorNames.has(`${prefix}layer_norm.weight`) ? 'layer_norm' : 'final_layer_norm')
}

function createNames(prefix: string, finalNorm: string): OptTensorNames {
  return {
    decoder: (name) => prefix + name,
    finalNorm: (name) => `${prefix}${finalNorm}.${name}`,
    // Wrappers of the whole model (`module.`) stand before its name, too; the head is beside the decoder.
    head: `${prefix.replace(/(?:model\.)?(?:decoder\.)?$/, '')}lm_head.weight`,
  }
}
