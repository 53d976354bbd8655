import { createReferenceBackend } from '@flexgen/backend-reference'
import type { LogitsCase, ModelReference } from '@flexgen/conformance'
import type { OptFixture } from '@flexgen/opt-fixtures'

/** What transformers computes on a fixture: every prompt, and the decode steps behind it. */
export function referenceOf({ prompts, decodeSteps }: OptFixture): ModelReference {
  const cases = prompts.map(({ promptIds, ids, prefillLogits, decodeLogits }): LogitsCase => ({
    ids: [...promptIds, ...ids.slice(0, decodeSteps)],
    promptLength: promptIds.length,
    logits: [...prefillLogits, ...decodeLogits],
  }))
  return { oracle: createReferenceBackend, cases }
}
