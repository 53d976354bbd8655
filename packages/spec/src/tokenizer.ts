/** Turns a stream of ids into text that never ends inside a UTF-8 character. */
export interface TokenStream {
  /** Text that became certain with this id; may be empty. */
  push(id: number): string
  /** What is left at the end, incomplete characters as U+FFFD. */
  end(): string
}

/** Text to ids and back. */
export interface Tokenizer {
  readonly specificationVersion: 'v1'
  readonly vocabularySize: number
  /** Ids of a prompt, with the special tokens that the model expects in front. */
  encode(text: string): number[]
  /** Text of ids, special tokens left out. */
  decode(ids: readonly number[]): string
  stream(): TokenStream
}
