import { z } from 'zod'
import { type MeasuredLink, measuredLinkSchema } from '../measure/measured-link.ts'
import { type Machine, machineSchema } from '../system/machine.ts'
import { type Comparison, comparisonSchema } from './comparison.ts'
import { type SideReport, sideReportSchema } from './side-report.ts'

/** Everything that a benchmark measured. */
export interface BenchReport {
  /** Version of this form. */
  readonly flexgenBench: 1
  readonly title: string
  readonly createdAt: string
  readonly machine: Machine
  readonly settings: {
    readonly repeat: number
    /** Whole runs of each side that were thrown away first. */
    readonly warmUp: number
    /** Tokens that our engine generated before each measured run. */
    readonly warmUpTokens: number
  }
  /** More than one where the benchmark was resumed. */
  readonly sittings: number
  /** Bandwidth of the links, measured before the first run. */
  readonly links: readonly MeasuredLink[]
  readonly sides: readonly SideReport[]
  /** Sides against one of them; absent where there is nothing to compare. */
  readonly comparison?: Comparison
}

const amount = z.number().nonnegative()

/** Schema of `report.json`. */
export const benchReportSchema: z.ZodType<BenchReport> = z
  .object({
    flexgenBench: z.literal(1).meta({ description: 'version of this form' }),
    title: z.string(),
    createdAt: z.iso.datetime(),
    machine: machineSchema,
    settings: z.object({ repeat: amount, warmUp: amount, warmUpTokens: amount }),
    sittings: amount,
    links: z.array(measuredLinkSchema),
    sides: z.array(sideReportSchema),
    comparison: z.exactOptional(comparisonSchema),
  })
  .meta({ title: 'flexgen bench report', description: 'report.json of flexgen bench' })
