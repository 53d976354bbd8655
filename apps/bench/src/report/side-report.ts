import { z } from 'zod'
import type { LogFigures } from '../log/log-figures.ts'
import { type Failure, failureSchema, type Repetition, repetitionSchema } from '../run/outcome.ts'
import { type LinkUse, linkUseSchema } from './link-use.ts'
import { type Spread, spreadSchema } from './spread.ts'

/** A repetition with its number and the sitting it was measured in; details are kept of the typical one only. */
export interface NumberedRepetition extends Omit<Repetition, 'measurement'> {
  readonly repetition: number
  /** Runs of one sitting were taken side by side. */
  readonly sitting: number
}

/** Figures over all repetitions. */
export interface SideSummary {
  readonly wallSeconds: Spread
  readonly prefillSeconds: Spread
  readonly decodeSeconds: Spread
  readonly prefillTokensPerSecond?: Spread
  readonly decodeTokensPerSecond: Spread
  readonly totalTokensPerSecond?: Spread
  readonly peakRssBytes?: Spread
}

/** One of the things that were measured side by side. */
export interface SideReport {
  readonly kind: 'flexgen' | 'command'
  readonly title: string
  readonly command: string
  readonly repetitions: readonly NumberedRepetition[]
  /** Absent where no repetition went well. */
  readonly summary?: SideSummary
  /** What ended the side. */
  readonly failure?: Failure
  /** The repetition whose total time is the median, in full. */
  readonly typical?: Repetition & { readonly repetition: number }
  /** FlexGen's figures of the typical repetition; ours only. */
  readonly log?: LogFigures
  /** Use of the links in the typical repetition; ours only. */
  readonly links: readonly LinkUse[]
}

const amount = z.number().nonnegative()

const logFiguresSchema: z.ZodType<LogFigures> = z.object({
  modelBytes: amount,
  cacheBytes: amount,
  hiddenBytes: amount,
  peakDeviceBytes: amount,
  projected: z.boolean(),
  prefillSeconds: amount,
  decodeSeconds: amount,
  prefillTokensPerSecond: amount,
  decodeTokensPerSecond: amount,
  totalTokensPerSecond: amount,
})

const summarySchema: z.ZodType<SideSummary> = z.object({
  wallSeconds: spreadSchema,
  prefillSeconds: spreadSchema,
  decodeSeconds: spreadSchema,
  prefillTokensPerSecond: z.exactOptional(spreadSchema),
  decodeTokensPerSecond: spreadSchema,
  totalTokensPerSecond: z.exactOptional(spreadSchema),
  peakRssBytes: z.exactOptional(spreadSchema),
})

const numbered = z.object({ repetition: amount })

/** Schema of `SideReport`. */
export const sideReportSchema: z.ZodType<SideReport> = z
  .object({
    kind: z.enum(['flexgen', 'command']),
    title: z.string(),
    command: z.string(),
    repetitions: z.array(z.intersection(repetitionSchema, z.object({ repetition: amount, sitting: amount }))),
    summary: z.exactOptional(summarySchema),
    failure: z.exactOptional(failureSchema),
    typical: z.exactOptional(z.intersection(repetitionSchema, numbered)),
    log: z.exactOptional(logFiguresSchema),
    links: z.array(linkUseSchema),
  })
  .meta({ id: 'Side' })
