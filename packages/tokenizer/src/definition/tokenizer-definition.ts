/** A token that is recognised in text as a whole, before anything is split. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  /** Left out when ids are decoded. */
  readonly special: boolean
  readonly lstrip?: boolean
  readonly rstrip?: boolean
  readonly single_word?: boolean
  readonly normalized?: boolean
}

/** What a tokenizer.json holds, as far as it is used here; checked by `checkDefinition`. */
export interface TokenizerDefinition {
  readonly added_tokens: readonly AddedToken[]
  readonly normalizer: unknown
  readonly pre_tokenizer: unknown
  readonly post_processor: unknown
  readonly decoder: unknown
  readonly model: {
    readonly type: 'BPE'
    readonly vocab: Readonly<Record<string, number>>
    readonly merges: readonly (string | readonly [string, string])[]
    readonly [option: string]: unknown
  }
}
