import { z } from 'zod'
import { type Machine, machineSchema } from '../system/machine.ts'

/** What the machine can do at most with so many threads. */
export interface KernelLimits {
  readonly threads: number
  readonly readBytesPerSecond: number
  readonly multipliesPerSecond: number
  readonly pairMultipliesPerSecond: number
}

/** What a call of a kernel costs. */
export interface CallCost {
  /** Time of JavaScript for a call. */
  readonly issueMicroseconds: number
  /** From the call until JavaScript hears of its end. */
  readonly roundTripMicroseconds: number
}

/** A kernel with its times. */
export interface KernelRow {
  readonly part: string
  readonly title: string
  readonly kind: 'linear' | 'attention'
  /** Dtype of weights or KV. */
  readonly dtype: string
  readonly threads: number
  readonly runs: number
  readonly medianMs: number
  /** Between these lie eight of ten runs. */
  readonly lowMs: number
  readonly highMs: number
  readonly readBytes: number
  readonly multiplies: number
  /** What takes longer at the limits of the machine. */
  readonly bound: 'memory' | 'multiplying'
  /** Time at that limit. */
  readonly limitMs: number
  /** The same with float16, over this. */
  readonly timesFloat16?: number
}

/** What the suite `kernels` measured. */
export interface KernelReport {
  /** Version of this form. */
  readonly flexgenKernels: 1
  readonly title: string
  readonly createdAt: string
  readonly machine: Machine
  /** Instruction set of the kernels. */
  readonly level: string
  /** Mean number of processes that wanted to run in the minute before and at the end; ours are among the latter. */
  readonly loadAverages: readonly [before: number, after: number]
  readonly limits: readonly KernelLimits[]
  readonly call: CallCost
  readonly rows: readonly KernelRow[]
}

const amount = z.number().nonnegative()

const rowSchema: z.ZodType<KernelRow> = z
  .object({
    part: z.string(),
    title: z.string(),
    kind: z.enum(['linear', 'attention']),
    dtype: z.string(),
    threads: amount,
    runs: amount,
    medianMs: amount,
    lowMs: amount,
    highMs: amount,
    readBytes: amount,
    multiplies: amount,
    bound: z.enum(['memory', 'multiplying']),
    limitMs: amount,
    timesFloat16: z.exactOptional(amount),
  })
  .meta({ id: 'KernelRow' })

/** Schema of `report.json` of the suite `kernels`. */
export const kernelReportSchema: z.ZodType<KernelReport> = z
  .object({
    flexgenKernels: z.literal(1).meta({ description: 'version of this form' }),
    title: z.string(),
    createdAt: z.iso.datetime(),
    machine: machineSchema,
    level: z.string(),
    loadAverages: z.tuple([amount, amount]),
    limits: z.array(
      z.object({
        threads: amount,
        readBytesPerSecond: amount,
        multipliesPerSecond: amount,
        pairMultipliesPerSecond: amount,
      }),
    ),
    call: z.object({ issueMicroseconds: amount, roundTripMicroseconds: amount }),
    rows: z.array(rowSchema),
  })
  .meta({ title: 'flexgen bench kernels report', description: 'report.json of flexgen bench --suite kernels' })
