import { optFamily } from '@flexgen/opt'
import type { Model } from '@flexgen/spec'

/** An OPT size by its name. */
export function optModel(name: string): Model {
  return optFamily.create(optFamily.builtinConfig(name), { name })
}

/** A decoder model of any size in the form of OPT. */
export function decoderModel(
  name: string,
  size: { layers: number; hidden: number; heads: number; ffn: number; vocabulary: number; maxPositions: number },
): Model {
  const config = {
    ...(optFamily.builtinConfig('opt-1.3b') as object),
    hidden_size: size.hidden,
    word_embed_proj_dim: size.hidden,
    num_hidden_layers: size.layers,
    num_attention_heads: size.heads,
    ffn_dim: size.ffn,
    vocab_size: size.vocabulary,
    max_position_embeddings: size.maxPositions,
  }
  return optFamily.create(config, { name })
}
