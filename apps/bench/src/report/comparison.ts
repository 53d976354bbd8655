import { z } from 'zod'
import type { SideReport } from './side-report.ts'
import { type Spread, spreadOf, spreadSchema } from './spread.ts'

/** How many times as fast as the base a side is: above 1 is faster. */
export interface SpeedRatio {
  /** Median against median. */
  readonly ofMedians: number
  /** Of the repetitions that were measured next to each other. */
  readonly pairs?: Spread
}

/** One side against the base. */
export interface ComparedSide {
  /** Index of the side. */
  readonly side: number
  /** By tokens per second, or by time where a side knows no tokens. */
  readonly prefill: SpeedRatio
  readonly decode: SpeedRatio
  /** Where both sides know it. */
  readonly total?: SpeedRatio
  /** Peak of resident memory over that of the base. */
  readonly peakRss?: number
}

/** All sides against one. */
export interface Comparison {
  /** Index of the side that the others are compared with. */
  readonly base: number
  readonly sides: readonly ComparedSide[]
}

const ratio: z.ZodType<SpeedRatio> = z
  .object({ ofMedians: z.number(), pairs: z.exactOptional(spreadSchema) })
  .meta({ id: 'SpeedRatio' })

/** Schema of `Comparison`. */
export const comparisonSchema: z.ZodType<Comparison> = z.object({
  base: z.number(),
  sides: z.array(
    z.object({
      side: z.number(),
      prefill: ratio,
      decode: ratio,
      total: z.exactOptional(ratio),
      peakRss: z.exactOptional(z.number()),
    }),
  ),
})

type Figure = 'prefillSeconds' | 'prefillTokensPerSecond' | 'decodeTokensPerSecond' | 'totalTokensPerSecond'

/** Compares every side that was measured with the foreign command, or where there is none with the first side. */
export function compareSides(sides: readonly SideReport[]): Comparison | undefined {
  const measured = sides.flatMap((side, index) => (side.summary === undefined ? [] : [{ side, index }]))
  const base = measured.find(({ side }) => side.kind === 'command') ?? measured[0]
  if (base === undefined || measured.length < 2) return undefined
  return {
    base: base.index,
    sides: measured
      .filter(({ index }) => index !== base.index)
      .map(({ side, index }) => compare(side, base.side, index)),
  }
}

function compare(side: SideReport, base: SideReport, index: number): ComparedSide {
  const total = ratioOf(side, base, 'totalTokensPerSecond')
  const [rss, baseRss] = [side.summary?.peakRssBytes, base.summary?.peakRssBytes]
  return {
    side: index,
    prefill: ratioOf(side, base, 'prefillTokensPerSecond') ?? ratioOf(base, side, 'prefillSeconds')!,
    decode: ratioOf(side, base, 'decodeTokensPerSecond')!,
    ...(total !== undefined && { total }),
    ...(rss !== undefined && baseRss !== undefined && { peakRss: rss.median / baseRss.median }),
  }
}

function ratioOf(over: SideReport, under: SideReport, figure: Figure): SpeedRatio | undefined {
  const [a, b] = [over.summary?.[figure], under.summary?.[figure]]
  if (a === undefined || b === undefined) return undefined
  const pairs = over.repetitions.flatMap((one) => {
    const other = under.repetitions.find(
      ({ repetition, sitting }) => repetition === one.repetition && sitting === one.sitting,
    )
    const [value, otherValue] = [one[figure], other?.[figure]]
    return value === undefined || otherValue === undefined ? [] : [value / otherValue]
  })
  return { ofMedians: a.median / b.median, ...(pairs.length > 0 && { pairs: spreadOf(pairs) }) }
}
