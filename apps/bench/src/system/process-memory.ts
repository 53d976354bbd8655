import { z } from 'zod'

/** Resident memory of a process and its children at one moment, in bytes. */
export interface ProcessMemorySample {
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly rssBytes: number
  /** The part that belongs to no file: heap, buffers. */
  readonly anonymousBytes: number
}

/** Resident memory over the life of a process and its children. */
export interface ProcessMemory {
  readonly peakRssBytes: number
  /** Peak of what belongs to no file: the rest of the peak may be page cache of mapped files, which the system can take back. */
  readonly peakAnonymousBytes: number
  readonly samples: readonly ProcessMemorySample[]
}

const amount = z.number().nonnegative()

/** Schema of `ProcessMemory`. */
export const processMemorySchema: z.ZodType<ProcessMemory> = z.object({
  peakRssBytes: amount,
  peakAnonymousBytes: amount,
  samples: z.array(z.object({ atMs: amount, rssBytes: amount, anonymousBytes: amount })),
})
