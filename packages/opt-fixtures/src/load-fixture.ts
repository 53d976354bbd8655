import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NotFoundError } from '@flexgen/spec'
import { fixtureNames, type FixtureName } from './fixture-names.ts'

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

/** A tiny checkpoint with its expected results. */
export interface OptFixture {
  readonly name: FixtureName
  /** Absolute path of the checkpoint's folder. */
  readonly folder: string
  readonly description: string
  /** Parsed config.json. */
  readonly config: unknown
  readonly vocabularySize: number
  readonly decodeSteps: number
  readonly prompts: readonly FixturePrompt[]
}

type Expected = Pick<OptFixture, 'description' | 'vocabularySize' | 'decodeSteps'> & {
  readonly prompts: readonly Omit<FixturePrompt, 'prefillLogits' | 'decodeLogits'>[]
}

/**
 * Reads a fixture.
 * @throws {NotFoundError} `FILE_NOT_FOUND` for an unknown name
 */
export function loadFixture(name: FixtureName): OptFixture {
  if (!fixtureNames.includes(name)) throw new NotFoundError('FILE_NOT_FOUND', `there is no OPT fixture ${String(name)}`)
  const folder = join(import.meta.dirname, '..', 'fixtures', name)
  const { prompts, ...expected } = readJson(folder, 'expected.json') as Expected
  const nextRow = readRows(join(folder, 'expected.f32'), expected.vocabularySize)
  return {
    name,
    folder,
    config: readJson(folder, 'config.json'),
    description: expected.description,
    vocabularySize: expected.vocabularySize,
    decodeSteps: expected.decodeSteps,
    prompts: prompts.map((prompt) => ({
      ...prompt,
      prefillLogits: prompt.promptIds.map(nextRow),
      decodeLogits: Array.from({ length: expected.decodeSteps }, nextRow),
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
