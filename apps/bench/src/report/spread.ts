import { z } from 'zod'

/** Repeated values of one figure: all of them, in the order in which they were measured, and what sums them up. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly values: readonly number[]
}

/** Schema of `Spread`. */
export const spreadSchema: z.ZodType<Spread> = z
  .object({
    median: z.number(),
    min: z.number(),
    max: z.number(),
    values: z.array(z.number()),
  })
  .meta({ id: 'Spread' })

/** Median and range of values, of which there is at least one. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return {
    median: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
    min: sorted[0]!,
    max: sorted.at(-1)!,
    values,
  }
}
