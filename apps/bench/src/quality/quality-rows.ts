import type { Failure } from '../run/outcome.ts'
import type { QualityRow } from './quality-report.ts'
import type { QualityMeasurement } from './quality-settings.ts'
import type { QualityVariant } from './quality-variants.ts'

/** What measuring one variant gave. */
export interface QualityOutcome {
  readonly variant: QualityVariant
  readonly measurement?: QualityMeasurement
  readonly failure?: Failure
}

/** Perplexities and their rise over the first outcome, which is the baseline; pure. */
export function qualityRows(outcomes: readonly QualityOutcome[]): QualityRow[] {
  const baseline = outcomes[0]?.measurement
  return outcomes.map(({ variant: { key, title, limitPercent }, measurement, failure }, index) => {
    const named = { key, title, ...(limitPercent !== undefined && { limitPercent }) }
    if (measurement === undefined) return { ...named, ...(failure !== undefined && { failure }) }
    const { backend, tokens, seconds } = measurement
    const perplexity = perplexityOf(measurement)
    const risePercent =
      index === 0 || baseline === undefined ? undefined : 100 * (perplexity / perplexityOf(baseline) - 1)
    return {
      ...named,
      backend,
      tokens,
      perplexity,
      seconds,
      ...(risePercent !== undefined && { risePercent }),
      ...(risePercent !== undefined && limitPercent !== undefined && { passes: risePercent <= limitPercent }),
    }
  })
}

function perplexityOf({ nats, tokens }: QualityMeasurement): number {
  return Math.exp(nats / tokens)
}
