import { z } from 'zod'
import { type Failure, failureSchema } from '../run/outcome.ts'
import { type Machine, machineSchema } from '../system/machine.ts'

/** One variant with what it gave, or why it gave nothing. */
export interface QualityRow {
  readonly key: string
  readonly title: string
  readonly backend?: string
  readonly tokens?: number
  readonly perplexity?: number
  /** How much the perplexity is above the baseline's, in percent; negative where it is below. */
  readonly risePercent?: number
  /** Most that it may rise, where a goal is set. */
  readonly limitPercent?: number
  /** Whether the rise is within the limit. */
  readonly passes?: boolean
  readonly seconds?: number
  readonly failure?: Failure
}

/** What the suite `quality` measured. */
export interface QualityReport {
  /** Version of this form. */
  readonly flexgenQuality: 1
  readonly title: string
  readonly createdAt: string
  readonly machine: Machine
  readonly command: string
  readonly model: string
  /** Ids of a window at most. */
  readonly windowTokens: number
  /** Ids that a window scores but for the first of a document, which scores all of its own. */
  readonly strideTokens: number
  readonly windows: number
  readonly notices: readonly string[]
  /** The first is the baseline. */
  readonly rows: readonly QualityRow[]
}

const amount = z.number().nonnegative()

const rowSchema: z.ZodType<QualityRow> = z
  .object({
    key: z.string(),
    title: z.string(),
    backend: z.exactOptional(z.string()),
    tokens: z.exactOptional(amount),
    perplexity: z.exactOptional(amount),
    risePercent: z.exactOptional(z.number()),
    limitPercent: z.exactOptional(amount),
    passes: z.exactOptional(z.boolean()),
    seconds: z.exactOptional(amount),
    failure: z.exactOptional(failureSchema),
  })
  .meta({ id: 'QualityRow' })

/** Schema of `report.json` of the suite `quality`. */
export const qualityReportSchema: z.ZodType<QualityReport> = z
  .object({
    flexgenQuality: z.literal(1).meta({ description: 'version of this form' }),
    title: z.string(),
    createdAt: z.iso.datetime(),
    machine: machineSchema,
    command: z.string(),
    model: z.string(),
    windowTokens: amount,
    strideTokens: amount,
    windows: amount,
    notices: z.array(z.string()),
    rows: z.array(rowSchema),
  })
  .meta({ title: 'flexgen bench quality report', description: 'report.json of flexgen bench --suite quality' })
