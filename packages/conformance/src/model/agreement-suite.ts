import assert from 'node:assert/strict'
import type { Model } from '@flexgen/spec'
import { assertLogits } from '../kit/assert-logits.ts'
import type { LogitsCase, ModelKit, ModelReference } from './model-kit.ts'
import { createModelRunner, type ModelRunner } from './model-runner.ts'

/** Registers the tests that compare logits with those of another implementation, on an oracle and without an engine. */
export function agreementSuite(
  test: (title: string, body: (model: Model) => Promise<void>) => void,
  { oracle, cases }: ModelReference,
  openWeights: NonNullable<ModelKit['weights']>,
): void {
  const forEach = async (model: Model, body: (runner: ModelRunner, given: LogitsCase) => Promise<void>) => {
    assert.ok(cases.length > 0, 'there are no reference logits')
    await using source = await openWeights()
    await using backend = await oracle()
    for (const given of cases) {
      checkCase(model, given)
      await using runner = await createModelRunner(backend, model, source, given.ids.length)
      await body(runner, given)
    }
  }

  test('gives the reference logits at every position of a prompt', (model) =>
    forEach(model, async (runner, { ids, promptLength, logits }) => {
      const rows = await runner.forward(ids.slice(0, promptLength), 0, 'all')
      compare(rows, logits.slice(0, promptLength), 0)
    }))

  test('gives the reference logits in decode, one id at a time behind the cached ones', (model) =>
    forEach(model, async (runner, { ids, promptLength, logits }) => {
      await runner.forward(ids.slice(0, promptLength), 0, 'last')
      for (let at = promptLength; at < ids.length; at++)
        compare(await runner.forward([ids[at]!], at, 'last'), [logits[at]!], at)
    }))

  test('gives the last position alone what it gives it among all', (model) =>
    forEach(model, async (runner, { ids, promptLength }) => {
      const prompt = ids.slice(0, promptLength)
      const all = await runner.forward(prompt, 0, 'all')
      compare(await runner.forward(prompt, 0, 'last'), [all.at(-1)!], promptLength - 1)
    }))
}

function compare(rows: readonly Float32Array[], expected: readonly ArrayLike<number>[], start: number): void {
  assert.equal(rows.length, expected.length, 'rows of logits')
  for (const [i, row] of rows.entries()) assertLogits(row, expected[i]!, `logits at position ${start + i}`)
}

function checkCase({ vocabularySize, maxPositions }: Model, { ids, promptLength, logits }: LogitsCase): void {
  assert.ok(
    ids.length <= maxPositions,
    `a reference sequence has ${ids.length} ids, the model ${maxPositions} positions`,
  )
  assert.ok(promptLength > 0 && promptLength < ids.length, 'a reference sequence needs a prompt and ids after it')
  assert.equal(logits.length, ids.length, 'rows of reference logits')
  for (const row of logits) assert.equal(row.length, vocabularySize, 'width of reference logits')
}
