/** A token that is recognised in text as a whole, before anything is split. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  /** Left out when ids are decoded. */
  readonly special: boolean
  readonly lstrip?: boolean
  readonly rstrip?: boolean
  readonly normalized?: boolean
}

/** One step between text and ids; the fields beside its type are known and checked. */
export interface TokenizerStage {
  readonly type: string
  readonly [field: string]: unknown
}

/** What a tokenizer.json holds, as far as it is used here; made by `checkDefinition`, which knows every field. */
export interface TokenizerDefinition {
  readonly added_tokens: readonly AddedToken[]
  readonly normalizer: TokenizerStage | null
  readonly pre_tokenizer: TokenizerStage | null
  readonly post_processor: TokenizerStage | null
  readonly decoder: { readonly type: 'ByteLevel' }
  readonly model: {
    readonly type: 'BPE'
    readonly vocab: Readonly<Record<string, number>>
    readonly merges: readonly (readonly [string, string])[]
    readonly unk_token: string | null
    readonly fuse_unk: boolean
    readonly ignore_merges: boolean
  }
}
