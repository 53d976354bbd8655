import { z } from 'zod'
import type { Latency } from '../formulas/throughput.ts'
import { type Measurement, measurementSchema } from '../measure/measurement.ts'
import { type ProcessMemory, processMemorySchema } from '../system/process-memory.ts'

/** What one repetition of one side gave; throughputs are there where the side knows them. */
export interface Repetition extends Latency {
  /** When it began, in ISO form. */
  readonly startedAt: string
  /** From the start of its process to its end, loading and warm-up included. */
  readonly wallSeconds: number
  readonly prefillTokensPerSecond?: number
  readonly decodeTokensPerSecond: number
  readonly totalTokensPerSecond?: number
  /** Of the process and its children; absent where the system does not tell. */
  readonly processMemory?: ProcessMemory
  /** What our own engine measured. */
  readonly measurement?: Measurement
}

/** Why a repetition failed. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly hint: string
}

/** One repetition, or why there is none. */
export type Outcome =
  | { readonly ok: true; readonly repetition: Repetition }
  | { readonly ok: false; readonly failure: Failure }

const amount = z.number().nonnegative()

/** Schema of `Repetition`. */
export const repetitionSchema: z.ZodType<Repetition> = z
  .object({
    startedAt: z.iso.datetime(),
    wallSeconds: amount,
    prefillSeconds: amount,
    decodeSeconds: amount,
    prefillTokensPerSecond: z.exactOptional(amount),
    decodeTokensPerSecond: amount,
    totalTokensPerSecond: z.exactOptional(amount),
    processMemory: z.exactOptional(processMemorySchema),
    measurement: z.exactOptional(measurementSchema),
  })
  .meta({ id: 'Repetition' })

/** Schema of `Failure`. */
export const failureSchema: z.ZodType<Failure> = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
})

/** Schema of `Outcome`. */
export const outcomeSchema: z.ZodType<Outcome> = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), repetition: repetitionSchema }),
  z.object({ ok: z.literal(false), failure: failureSchema }),
])
