import { UnsupportedDataError } from '@flexgen/spec'
import { showValue } from '../text/show-value.ts'

/** An error for a part of a tokenizer that is well formed but not known here. */
export function unsupported(path: string, what: string, value: unknown): UnsupportedDataError {
  return new UnsupportedDataError(`${path} has ${what} ${showValue(value ?? 'none')}, which is not supported`, {
    hint: 'use --prompt-ids with ids from another tokenizer, or a model with a byte-level BPE (as GPT-2, OPT, Llama 3)',
  })
}
