import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One prompt and what transformers computes on it, in float32. */
export interface FixturePrompt {
  readonly promptIds: readonly number[]
  /** Greedy ids, EOS ignored: one after the prompt and one after each decode step. */
  readonly ids: readonly number[]
  /** Distance of the two largest logits in each row that chose an id. */
  readonly gaps: readonly number[]
  /** Logits of every prompt position, `[prompt length][vocabulary]`. */
  readonly prefillLogits: readonly Float32Array[]
  /** Logits of every decode step, `[decode steps][vocabulary]`: step i reads `ids[i]` and gives `ids[i + 1]`. */
  readonly decodeLogits: readonly Float32Array[]
  /** Where the fixture has a tokenizer: the text of the prompt, and of `ids` with special tokens left out. */
  readonly text?: string
  readonly newText?: string
}

/** What transformers computes on a checkpoint. */
export interface FixtureResults {
  /** Parsed config.json. */
  readonly config: unknown
  readonly vocabularySize: number
  readonly decodeSteps: number
  readonly prompts: readonly FixturePrompt[]
}

interface Expected {
  readonly description?: string
  readonly vocabularySize: number
  readonly decodeSteps: number
  readonly prompts: readonly Omit<FixturePrompt, 'prefillLogits' | 'decodeLogits'>[]
}

/** Reads `<name>.json` and `<name>.f32` of a folder. */
export function readResults(folder: string, name: string): FixtureResults & Pick<Expected, 'description'> {
  const { prompts, description, vocabularySize, decodeSteps } = readJson(folder, `${name}.json`) as Expected
  const nextRow = readRows(join(folder, `${name}.f32`), vocabularySize)
  return {
    config: readJson(folder, 'config.json'),
    ...(description !== undefined && { description }),
    vocabularySize,
    decodeSteps,
    prompts: prompts.map((prompt) => ({
      ...prompt,
      prefillLogits: prompt.promptIds.map(nextRow),
      decodeLogits: Array.from({ length: decodeSteps }, nextRow),
    })),
  }
}

function readJson(folder: string, file: string): unknown {
  return JSON.parse(readFileSync(join(folder, file), 'utf8'))
}

/** Gives the rows of a float32 little-endian file one after the other. */
function readRows(path: string, width: number): () => Float32Array {
  const bytes = readFileSync(path)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let offset = 0
  return () => {
    const row = Float32Array.from({ length: width }, (_, i) => view.getFloat32(offset + 4 * i, true))
    offset += 4 * width
    return row
  }
}
