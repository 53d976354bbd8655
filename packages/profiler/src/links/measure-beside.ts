import type { BesideReads, HardwareProfile } from '@flexgen/planner'
import { type Backend, type DType, tensorBytes } from '@flexgen/spec'
import type { MeasureEffort } from '../kernels/measure-effort.ts'
import { Probe } from '../kernels/probe.ts'
import { productGraph } from '../kernels/probe-graphs.ts'
import { timeRuns } from '../timing/time-runs.ts'
import { type CreateDisk, DiskProbe } from './measure-disk.ts'

/** Sequences of the decode step that computes beside the reads. */
const rows = 8

/** What reading the disk and computing on the host leave each other, past the page cache and through it. */
export async function measureBeside(
  createDisk: CreateDisk,
  backend: Backend,
  dtype: DType,
  { width, matrices, timing, fileBytes, besideSeconds }: MeasureEffort,
): Promise<NonNullable<HardwareProfile['besideReads']>> {
  await using probe = new Probe(backend)
  const weightDtype = backend.capabilities.weightDtypes.includes('float16') ? 'float16' : 'float32'
  const kernel = await probe.compile(productGraph(width, dtype, weightDtype, 1))
  for (let i = 0; i < matrices; i++) {
    const matrix = await probe.allocate(weightDtype, tensorBytes(weightDtype, [width, width]), 'weight')
    await probe.bind(kernel, { batch: rows, seq: 1 }, new Map([['w0', matrix]]))
  }
  const beside = async (direct: boolean): Promise<BesideReads | undefined> => {
    await using tier = await createDisk(direct)
    await using disk = await DiskProbe.create(tier, fileBytes, backend)
    await disk.pass('write')
    await disk.pass('read')
    if (direct && tier.notices.length > 0) return undefined
    const alone = {
      read: mean(await disk.passesFor(besideSeconds, 'read')),
      compute: 1 / (await timeRuns((runs) => probe.run(runs), timing)).seconds,
    }
    let isReading = true
    const reading = disk.passesFor(besideSeconds, 'read').finally(() => (isReading = false))
    const startedAtMs = performance.now()
    let runs = 0
    while (isReading) {
      await probe.run(matrices)
      runs += matrices
    }
    const compute = (runs * 1000) / (performance.now() - startedAtMs)
    return { read: share(mean(await reading), alone.read), compute: share(compute, alone.compute) }
  }
  const [direct, cached] = [await beside(true), await beside(false)]
  return { ...(direct && { direct }), ...(cached && { cached }) }
}

function share(together: number, alone: number): number {
  return Math.min(1, Math.max(0.01, together / alone))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
