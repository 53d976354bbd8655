import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LogitsCase } from '@flexgen/conformance'

/** A prompt, the greedy ids behind it and the logits after each id. */
export interface TextCase extends LogitsCase {
  readonly text: string
  readonly newText: string
}

/** Reads the expected.json and expected.f32 that scripts/reference_logits.py wrote into a checkpoint's folder. */
export function readCases(folder: string): TextCase[] {
  const { vocabularySize, cases } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
    readonly vocabularySize: number
    readonly cases: readonly Omit<TextCase, 'logits'>[]
  }
  const logits = new Float32Array(Uint8Array.from(readFileSync(join(folder, 'expected.f32'))).buffer)
  let row = 0
  const nextRow = (): Float32Array => logits.subarray(row * vocabularySize, ++row * vocabularySize)
  return cases.map((given) => ({ ...given, logits: given.ids.map(nextRow) }))
}
