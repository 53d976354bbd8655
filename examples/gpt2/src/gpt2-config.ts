import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'

/** The fields of a GPT-2 config.json that say what is computed, checked and with defaults filled in. */
export interface Gpt2Config {
  readonly vocabularySize: number
  readonly hiddenSize: number
  readonly heads: number
  /** Decoder blocks. */
  readonly layers: number
  readonly ffnSize: number
  readonly maxPositions: number
  /** Epsilon of every layer norm. */
  readonly epsilon: number
  /** Whether the head multiplies by the token table. */
  readonly tied: boolean
  readonly eosIds: readonly number[]
  readonly padId: number
}

/** What must stand in config.json, where it stands there at all: another value is another computation. */
const required: Readonly<Record<string, readonly unknown[]>> = {
  model_type: ['gpt2'],
  activation_function: ['gelu_new', 'gelu_pytorch_tanh'],
  scale_attn_weights: [true],
  scale_attn_by_inverse_layer_idx: [false],
  add_cross_attention: [false],
}

/**
 * Checks a parsed config.json and fills in the defaults of transformers' `GPT2Config`.
 * @throws {FlexgenError} `CORRUPT_DATA` for an impossible value, `UNSUPPORTED_DATA` for what is not computed here
 */
export function parseGpt2Config(config: unknown): Gpt2Config {
  if (typeof config !== 'object' || config === null) throw new CorruptDataError('config.json is not a JSON object')
  const fields = new Map<string, unknown>(Object.entries(config))
  for (const [name, values] of Object.entries(required)) {
    const value = fields.get(name) ?? values[0]
    if (values.includes(value)) continue
    throw new UnsupportedDataError(`config.json has ${name} ${show(value)}, GPT-2 is taken with ${show(values[0])}`)
  }
  const size = (name: string, fallback: number): number => wholeNumber(name, fields.get(name) ?? fallback, 1, 2 ** 24)
  const hiddenSize = size('n_embd', 768)
  const heads = size('n_head', 12)
  if (hiddenSize % heads !== 0)
    throw new CorruptDataError(`config.json has n_embd ${hiddenSize}, not a multiple of n_head ${heads}`)
  const vocabularySize = size('vocab_size', 50_257)
  const id = (value: unknown): number => wholeNumber('a token id of', value, 0, vocabularySize - 1)
  const eosIds = [fields.get('eos_token_id') ?? []].flat().map(id)
  const epsilon = fields.get('layer_norm_epsilon') ?? 1e-5
  if (typeof epsilon !== 'number' || !(epsilon >= 0 && epsilon < 1))
    throw new CorruptDataError(`config.json has layer_norm_epsilon ${show(epsilon)}`)
  return {
    vocabularySize,
    hiddenSize,
    heads,
    layers: size('n_layer', 12),
    ffnSize: size('n_inner', 4 * hiddenSize),
    maxPositions: size('n_positions', 1024),
    epsilon,
    tied: fields.get('tie_word_embeddings') !== false,
    eosIds,
    padId: id(fields.get('pad_token_id') ?? eosIds[0] ?? 0),
  }
}

function wholeNumber(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw new CorruptDataError(`config.json has ${name} ${show(value)}, it must be a whole number from ${min} to ${max}`)
}

/** A value of a file, short enough for a message. */
function show(value: unknown): string {
  return typeof value === 'object' ? 'of another kind' : JSON.stringify(value).slice(0, 40)
}
