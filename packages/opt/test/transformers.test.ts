import { createReferenceBackend } from '@flexgen/backend-reference'
import { openCheckpoint } from '@flexgen/checkpoint'
import { describeModel } from '@flexgen/conformance'
import { fixtureNames, loadFixture, shareOfBound } from '@flexgen/opt-fixtures'
import type { Model, WeightSource } from '@flexgen/spec'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOptModel } from '../src/index.ts'
import { createModelRunner } from './model-runner.ts'

const argMax = (row: Float32Array): number => row.indexOf(Math.max(...row))

describe.each(fixtureNames)('OPT agrees with transformers: %s', (name) => {
  const fixture = loadFixture(name)
  const backend = createReferenceBackend()
  let source: WeightSource
  let model: Model

  beforeAll(async () => {
    source = await openCheckpoint(fixture.folder)
    model = createOptModel(fixture.config, { name, tensorNames: source.tensors.keys() })
  })
  afterAll(async () => {
    await source[Symbol.asyncDispose]()
    expect(backend.memory().deviceBytes).toBe(0)
    await backend[Symbol.asyncDispose]()
  })

  describeModel(name, () => model, { describe, it, tensors: async () => source.tensors })

  it('in the logits of every prompt position and of 24 decode steps, and in the greedy ids', async () => {
    for (const prompt of fixture.prompts) {
      const { promptIds, ids, prefillLogits, decodeLogits } = prompt
      const room = promptIds.length + fixture.decodeSteps
      await using runner = await createModelRunner(backend, model, source, room)
      const prefill = await runner.forward(promptIds, 0, 'all')
      const steps: Float32Array[] = []
      for (const [step, id] of ids.slice(0, fixture.decodeSteps).entries()) {
        steps.push(...(await runner.forward([id], promptIds.length + step, 'last')))
      }
      const shares = [...prefill, ...steps].map((row, i) => shareOfBound(row, [...prefillLogits, ...decodeLogits][i]!))
      expect(shares).toHaveLength(room)
      expect(Math.max(...shares)).toBeLessThan(1)
      expect([prefill.at(-1)!, ...steps].map(argMax)).toEqual(ids)
    }
  })

  it('with the head of the last position as with the head of all', async () => {
    const { promptIds } = fixture.prompts.at(-1)!
    await using runner = await createModelRunner(backend, model, source, promptIds.length)
    const all = await runner.forward(promptIds, 0, 'all')
    expect(await runner.forward(promptIds, 0, 'last')).toEqual([all.at(-1)])
  })
})
