import { availableParallelism, cpus, totalmem } from 'node:os'

/** The machine as far as it matters here. */
export interface MachineReport {
  readonly nodeVersion: string
  readonly platform: string
  readonly processor: string
  /** Cores that this process may use. */
  readonly cores: number
  readonly memoryBytes: number
  /** Memory that can still be allocated, within the limits of a container. */
  readonly availableMemoryBytes: number
}

/** Looks at the machine. */
export function examineMachine(): MachineReport {
  // Without a limit it gives 0, or a number beyond the machine's memory.
  const limitBytes = process.constrainedMemory() || totalmem()
  return {
    nodeVersion: process.version,
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: Math.min(totalmem(), limitBytes),
    availableMemoryBytes: process.availableMemory(),
  }
}
