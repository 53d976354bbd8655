import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { z } from 'zod'

/** Where it was measured. */
export interface Machine {
  readonly platform: string
  readonly processor: string
  /** Cores that a process may use. */
  readonly cores: number
  readonly memoryBytes: number
  readonly nodeVersion: string
  /** Version of this package. */
  readonly flexgenVersion: string
}

/** Schema of `Machine`. */
export const machineSchema: z.ZodType<Machine> = z.object({
  platform: z.string(),
  processor: z.string(),
  cores: z.number(),
  memoryBytes: z.number(),
  nodeVersion: z.string(),
  flexgenVersion: z.string(),
})

/** Looks at the machine. */
export function examineMachine(): Machine {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return {
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    // Without a limit it gives 0, or a number beyond the machine's memory.
    memoryBytes: Math.min(totalmem(), process.constrainedMemory() || totalmem()),
    nodeVersion: process.version,
    flexgenVersion: manifest.version,
  }
}
