/** The fields of an OPT config.json that say what is computed, checked and with defaults filled in. */
export interface OptConfig {
  /** Rows of the token table. */
  readonly vocabularySize: number
  readonly hiddenSize: number
  /** Decoder blocks. */
  readonly layers: number
  readonly heads: number
  readonly ffnSize: number
  /** Positions that a sequence may have; the table has two rows more. */
  readonly maxPositions: number
  /** Width of the token table; `project_in` and `project_out` lead to the hidden size and back where it differs. */
  readonly embeddingSize: number
  readonly activation: 'relu' | 'gelu'
  /** Layer norm before attention and mlp (all sizes but 350m) or after the residual sum. */
  readonly normBefore: boolean
  /** Layer norm before the head. */
  readonly finalNorm: boolean
  /** Whether the linear layers of the blocks have biases. */
  readonly bias: boolean
  /** Whether the head multiplies by the token table. */
  readonly tied: boolean
  readonly eosIds: readonly number[]
  readonly padId: number
}
