import { InfeasibleError } from '@flexgen/spec'
import type { EngineOptions } from '../engine/engine-options.ts'
import type { RunPlan } from './run-plan.ts'

/** @throws {InfeasibleError} where a budget is smaller than the plan */
export function checkBudgets(
  { ram, deviceBytes, diskBytes }: RunPlan,
  { maxRamBytes, maxDeviceBytes, maxDiskBytes }: EngineOptions,
): void {
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
  if (maxDiskBytes !== undefined && diskBytes > maxDiskBytes) {
    throw new InfeasibleError(
      `the run needs ${megabytes(diskBytes)} of scratch on disk, --max-disk allows ${megabytes(maxDiskBytes)}`,
    )
  }
}

function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function megabytes(bytes: number): string {
  // Rounded up, and fine enough that what is needed never reads like what is allowed.
  const megabyte = bytes < 10e6 ? 1e4 : 1e6
  return `${Number((Math.ceil(bytes / megabyte) * megabyte * 1e-6).toFixed(2))} MB`
}
