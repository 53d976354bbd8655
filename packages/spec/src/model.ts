import type { LayerGraph } from './graph/layer-graph.ts'

/** A checkpoint tensor, or the first of several that are stacked along dimension 0 into one bound weight. */
export interface WeightPart {
  /** Name in the checkpoint. */
  readonly tensor: string
  readonly shape: readonly number[]
}

/**
 * One weight as a kernel binds it. Stacked parts (q, k and v) count as one: they are wholly resident or wholly
 * streamed. All parts have the same dtype and the same trailing dimensions.
 */
export interface WeightSpec {
  /** Name of the graph input. */
  readonly name: string
  /** `[rows, ...]`, the rows of all parts together. */
  readonly shape: readonly number[]
  readonly parts: readonly WeightPart[]
  /**
   * `rows`: only the rows of the run's ids are needed (a token embedding), so that a streamed table moves those
   * rows alone; the graph input `ids` then counts within them. `whole` otherwise.
   */
  readonly access: 'whole' | 'rows'
}

/** A part of a layer that runs in one place. */
export interface Stage {
  /** `attention` stages run where the KV lives, `dense` stages on the device. */
  readonly kind: 'dense' | 'attention'
  readonly graph: LayerGraph
}

/** One layer of the schedule. Its stages chain by value names; the hidden state is the value of role `hidden`. */
export interface ScheduleLayer {
  /** Unique, such as `decoder.3.attention`. */
  readonly name: string
  readonly kind: 'embed' | 'attention' | 'mlp' | 'head'
  /** Decoder block that it belongs to; undefined for embed and head. */
  readonly block: number | undefined
  readonly weights: readonly WeightSpec[]
  readonly stages: readonly Stage[]
}

/** A model: data that says what to compute and with which weights. */
export interface Model {
  readonly specificationVersion: 'v1'
  /** Name for people, such as `opt-125m`. */
  readonly name: string
  readonly vocabularySize: number
  readonly hiddenSize: number
  readonly maxPositions: number
  readonly kvHeads: number
  readonly headDim: number
  /** Ids that end a sequence. */
  readonly eosIds: readonly number[]
  readonly padId: number
  /** Numbers for FlexGen's formulas and for people. */
  readonly facts: ModelFacts
  /** What users should know of how the checkpoint is read, such as a tensor that is not. */
  readonly notices?: readonly string[]
  /** In order: one embed, per decoder block attention and mlp, one head. */
  readonly layers: readonly ScheduleLayer[]
  /** The head that gives the logits of all positions instead of the last one; same weights as the last layer. */
  readonly headAllPositions: readonly Stage[]
}

/** Sizes of a decoder model. */
export interface ModelFacts {
  readonly decoderLayers: number
  readonly heads: number
  readonly ffnSize: number
  readonly parameters: number
}

/** Makes models of one family from their config. */
export interface ModelFamily {
  readonly specificationVersion: 'v1'
  /** Values of `model_type` in config.json that it takes. */
  readonly modelTypes: readonly string[]
  /** Names of sizes with a built-in config, such as `opt-125m`. */
  readonly builtinNames: readonly string[]
  /** The built-in config of a size, with or without an organisation prefix; undefined where unknown. */
  builtinConfig(name: string): unknown
  /**
   * @param config parsed config.json
   * @param options.tensorNames names in the checkpoint, from which prefixes are recognised; absent for dummy weights
   * @throws {FlexgenError} `UNSUPPORTED_DATA` or `CORRUPT_DATA` for a config it cannot take or a missing tensor
   */
  create(config: unknown, options?: { readonly name?: string; readonly tensorNames?: Iterable<string> }): Model
}
