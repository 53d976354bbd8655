import type { TokenizerStage } from './tokenizer-definition.ts'

/** GPT-2's pattern, in the notation of tokenizer.json. */
const pattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

/**
 * A pre-tokenizer that splits as Hugging Face's does. @huggingface/tokenizers 0.2.0 has GPT-2's pattern as a JavaScript
 * regular expression, whose `\s` holds U+FEFF and lacks U+0085; a pattern in a `Split` is translated with Unicode's
 * white space. (With `add_prefix_space` nothing is changed: the prefix must come before the split.)
 */
export function withExactWhiteSpace(preTokenizer: TokenizerStage): TokenizerStage {
  const { type, pretokenizers } = preTokenizer
  if (type === 'Sequence') {
    return { type, pretokenizers: (pretokenizers as readonly TokenizerStage[]).map(withExactWhiteSpace) }
  }
  if (type !== 'ByteLevel' || preTokenizer['use_regex'] === false || preTokenizer['add_prefix_space'] === true) {
    return preTokenizer
  }
  return {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
      { ...preTokenizer, use_regex: false },
    ],
  }
}
