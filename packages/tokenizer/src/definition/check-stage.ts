import { CorruptDataError } from '@flexgen/spec'
import { isJsonObject, type JsonObject } from '../files/read-json.ts'
import { slowPattern } from './check-pattern.ts'
import type { TokenizerStage } from './tokenizer-definition.ts'
import { unsupported } from './unsupported.ts'

/** Several times what tokenizers have. */
const maxStages = 64
const maxDepth = 4

type Refuse = (field: string, value: unknown) => Error
type Checker = (stage: JsonObject, refuse: Refuse) => Omit<TokenizerStage, 'type'>

/** A kind of stage: what users call it, the field of its sequences, and a checker for each type that is known. */
interface StageKind {
  readonly name: string
  readonly list: string
  readonly types: Readonly<Record<string, Checker>>
}

const noFields: Checker = () => ({})

function flag(stage: JsonObject, name: string, fallback: boolean, refuse: Refuse): boolean {
  const value = stage[name] ?? fallback
  if (typeof value !== 'boolean') throw refuse(name, value)
  return value
}

const checkByteLevel: Checker = (stage, refuse) => ({
  add_prefix_space: flag(stage, 'add_prefix_space', false, refuse),
  use_regex: flag(stage, 'use_regex', true, refuse),
})

const checkSplit: Checker = (stage, refuse) => {
  const { pattern, behavior } = stage
  const invert = flag(stage, 'invert', false, refuse)
  // @huggingface/tokenizers takes every other behaviour for one of these two, and drops text where it is inverted.
  if (behavior !== 'Removed' && (behavior !== 'Isolated' || invert)) throw refuse('behavior', behavior)
  const { Regex: regex, String: text } = isJsonObject(pattern) ? pattern : {}
  if (typeof text === 'string' && text !== '') return { pattern: { String: text }, behavior, invert }
  const problem = typeof regex === 'string' && regex !== '' ? slowPattern(regex) : 'is no text'
  if (problem !== undefined) throw refuse(`pattern (it ${problem})`, regex)
  return { pattern: { Regex: regex }, behavior, invert }
}

const checkPunctuation: Checker = (stage, refuse) => {
  if (stage['behavior'] !== 'Contiguous') throw refuse('behavior', stage['behavior'])
  return {}
}

/** Text to text; only what cannot make it much longer. */
export const normalizers: StageKind = {
  name: 'normalizer',
  list: 'normalizers',
  types: { NFC: noFields, NFD: noFields, NFKC: noFields, NFKD: noFields, Lowercase: noFields },
}

/** Text to pieces that are tokenized one by one. */
export const preTokenizers: StageKind = {
  name: 'pre_tokenizer',
  list: 'pretokenizers',
  types: {
    ByteLevel: checkByteLevel,
    Split: checkSplit,
    Digits: (stage, refuse) => ({ individual_digits: flag(stage, 'individual_digits', false, refuse) }),
    Punctuation: checkPunctuation,
  },
}

/** Special tokens around the tokens of a text. */
export function postProcessors(hasToken: (content: string) => boolean): StageKind {
  const known = (field: string, content: unknown, refuse: Refuse): string => {
    if (typeof content !== 'string' || !hasToken(content)) throw refuse(`${field}, which is no token,`, content)
    return content
  }
  const checkAround: Checker = (stage, refuse) => {
    const pair = (field: string): [string] => {
      const value = stage[field]
      return [known(field, Array.isArray(value) ? value[0] : value, refuse)]
    }
    return { sep: pair('sep'), cls: pair('cls') }
  }
  const checkTemplate: Checker = ({ single }, refuse) => {
    const items: readonly unknown[] = Array.isArray(single) ? single : []
    let texts = 0
    const checked = items.map((item) => {
      const { SpecialToken: special, Sequence: sequence } = isJsonObject(item) ? item : {}
      if (isJsonObject(special))
        return { SpecialToken: { id: known('SpecialToken', special['id'], refuse), type_id: 0 } }
      if (!isJsonObject(sequence) || sequence['id'] !== 'A') throw refuse('item', sequence ?? item)
      texts++
      return { Sequence: { id: 'A', type_id: 0 } }
    })
    if (texts !== 1) throw refuse('single', single)
    return { single: checked, pair: [] }
  }
  return {
    name: 'post_processor',
    list: 'processors',
    types: {
      ByteLevel: noFields,
      TemplateProcessing: checkTemplate,
      RobertaProcessing: checkAround,
      BertProcessing: checkAround,
    },
  }
}

/**
 * Checks one stage of a tokenizer.json, with all stages of a sequence, and leaves out every field that is not used.
 * @param path of the file, for messages
 * @throws {FlexgenError} `UNSUPPORTED_DATA` for a type or field that is not known, `CORRUPT_DATA` for what is no stage
 */
export function checkStage(kind: StageKind, value: unknown, path: string): TokenizerStage | null {
  let count = 0

  function check(stage: unknown, depth: number): TokenizerStage {
    if (!isJsonObject(stage)) throw new CorruptDataError(`${path} has a ${kind.name} that is no object`)
    const { type } = stage
    if (++count > maxStages || depth > maxDepth)
      throw new CorruptDataError(`${path} has a ${kind.name} of more than ${maxStages} stages or ${maxDepth} levels`)
    if (type === 'Sequence') {
      const list = stage[kind.list]
      if (!Array.isArray(list)) throw new CorruptDataError(`${path} has a ${kind.name} without ${kind.list}`)
      return { type, [kind.list]: list.map((inner) => check(inner, depth + 1)) }
    }
    const checker = typeof type === 'string' && Object.hasOwn(kind.types, type) ? kind.types[type] : undefined
    if (typeof type !== 'string' || checker === undefined) throw unsupported(path, `a ${kind.name} of type`, type)
    const refuse: Refuse = (field, found) => unsupported(path, `a ${kind.name} ${type} with the ${field}`, found)
    return { type, ...checker(stage, refuse) }
  }

  return value === null || value === undefined ? null : check(value, 1)
}
