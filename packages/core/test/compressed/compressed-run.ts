import { compressSource, openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { loadCompressedFixture, shareOfBound } from '@flexgen/opt-fixtures'
import type { Backend, GroupDType } from '@flexgen/spec'
import { chooseWeightForms, type PolicyOptions } from '../../src/index.ts'
import { openBench } from '../support/bench.ts'

/** How a run on compressed weights compares with transformers on the same weights, widened. */
export interface Comparison {
  /** Rows of logits that were compared, and how many there are. */
  readonly rows: number
  readonly expectedRows: number
  /** Largest difference of a logit as a share of the float32 bound, before ids part. */
  readonly worstShare: number
  /** Ids that were compared, and those of them that are the same. */
  readonly steps: number
  readonly sameSteps: number
}

/**
 * Runs a fixture with its weights compressed, in float32. Ids count up to the first step whose two best logits are nearer than
 * `gapTolerance`, and logits as far as the same ids led there.
 */
export async function compareCompressed(
  backend: Backend,
  name: string,
  form: string,
  policy: PolicyOptions,
  gapTolerance: number,
): Promise<Comparison> {
  const fixture = loadCompressedFixture(name, form)
  await using original = await openCheckpoint(fixture.folder)
  const model = createOptModel(fixture.config, { tensorNames: original.tensors.keys() })
  const chosen = chooseWeightForms(model)
  const forms: ReadonlyMap<string, GroupDType> =
    form === 'flexgen' ? chosen : new Map([...chosen.keys()].map((tensor) => [tensor, 'q4g64']))
  const rows: { sequence: number; position: number; row: Float32Array }[] = []
  await using bench = await openBench({
    backend,
    model,
    weights: compressSource(original, forms),
    policy: { ...policy, compressWeight: true },
    dtype: 'float32',
    workload: { sequences: 1, maxPromptTokens: 1, maxNewTokens: 1, logits: 'all' },
  })
  await using engine = await bench.createEngine()
  const requests = fixture.prompts.map(({ promptIds }) => ({ promptIds }))
  const results = await engine.generateAll(requests, {
    maxNewTokens: fixture.decodeSteps + 1,
    ignoreEos: true,
    logits: 'all',
    onLogits: (sequence, position, row) => rows.push({ sequence, position, row: row.slice() }),
  })
  const compared = { rows: 0, expectedRows: 0, worstShare: 0, steps: 0, sameSteps: 0 }
  fixture.prompts.forEach(({ promptIds, ids, gaps, prefillLogits, decodeLogits }, sequence) => {
    const close = gaps.findIndex((gap) => gap < gapTolerance)
    const steps = close < 0 ? ids.length : close
    compared.steps += steps
    compared.sameSteps += ids.slice(0, steps).filter((id, i) => results[sequence]!.ids[i] === id).length
    const expected = [...prefillLogits, ...decodeLogits].slice(0, promptIds.length + steps)
    compared.expectedRows += expected.length
    for (const { position, row } of rows.filter((each) => each.sequence === sequence)) {
      if (expected[position] === undefined) continue
      compared.rows++
      compared.worstShare = Math.max(compared.worstShare, shareOfBound(row, expected[position]))
    }
  })
  return compared
}
