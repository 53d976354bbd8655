import { InfeasibleError } from '@flexgen/spec'
import type { EngineOptions } from '../engine/engine-options.ts'
import type { RunPlan } from './run-plan.ts'

/** @throws {InfeasibleError} where a budget is smaller than the plan */
export function checkBudgets({ ram, deviceBytes }: RunPlan, { maxRamBytes, maxDeviceBytes }: EngineOptions): void {
  if (maxRamBytes !== undefined && ram.total > maxRamBytes) {
    const parts = Object.entries(ram)
      .filter(([name, bytes]) => name !== 'total' && bytes > 0)
      .toSorted((a, b) => b[1] - a[1])
      .map(([name, bytes]) => `${wordsOf(name)} ${megabytes(bytes)}`)
    throw new InfeasibleError(
      `the run needs ${megabytes(ram.total)} of RAM, --max-ram allows ${megabytes(maxRamBytes)} (${parts.join(', ')})`,
    )
  }
  if (maxDeviceBytes !== undefined && deviceBytes > maxDeviceBytes) {
    throw new InfeasibleError(
      `the run needs ${megabytes(deviceBytes)} on the device, --max-device-memory allows ${megabytes(maxDeviceBytes)}`,
    )
  }
}

function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`
}
