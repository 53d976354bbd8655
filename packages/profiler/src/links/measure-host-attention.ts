import type { SharedLinks } from '@flexgen/planner'
import { type Backend, type DType, spanOf } from '@flexgen/spec'
import { bindAttention, createKvRows } from '../kernels/kv-rows.ts'
import type { MeasureEffort } from '../kernels/measure-effort.ts'
import { Probe } from '../kernels/probe.ts'
import { attentionGraph } from '../kernels/probe-graphs.ts'
import type { MemoryRoom } from '../kernels/working-set.ts'
import { secondsOf, timeRuns } from '../timing/time-runs.ts'

/** What host and link do alone. */
export interface AloneRates {
  readonly hostToDevice: number
  readonly ramRead: number
}

/** Copies queued at most: one runs while the next waits. */
const queuedCopies = 4

/** What attention on the host and copies to the device leave each other, while both go on. */
export async function measureHostAttention(
  device: Backend,
  host: Backend,
  dtype: DType,
  effort: MeasureEffort,
  alone: AloneRates,
  room: MemoryRoom,
): Promise<SharedLinks> {
  const { heads, headDim, positions, sequences, timing, copyBytes, besideSeconds, kvBytes } = effort
  await using probe = new Probe(host)
  const [, length] = positions
  const batch = sequences.at(-1)!
  const spec = { kvHeads: heads, headDim, maxPositions: length, dtype }
  const rows = await createKvRows(probe, spec, batch, room, kvBytes)
  await bindAttention(probe, await probe.compile(attentionGraph(heads, headDim, dtype)), rows, {
    batch,
    seq: 1,
    length,
  })
  const { seconds: aloneSeconds } = await timeRuns((runs) => probe.run(runs), timing)
  const queue = device.createQueue('profile beside')
  const [target, source] = [device.allocate(copyBytes), device.allocateHost(copyBytes)]
  let isAttending = true
  let runs = 0
  const attending = (async (): Promise<number> => {
    const seconds = await secondsOf(async () => {
      const endMs = performance.now() + 1000 * besideSeconds
      do {
        await probe.run(queuedCopies)
        runs += queuedCopies
      } while (performance.now() < endMs)
    })
    isAttending = false
    return seconds / runs
  })()
  let copies = 0
  const copySeconds = await secondsOf(async () => {
    while (isAttending) {
      const events = Array.from({ length: queuedCopies }, () => queue.copyIn(spanOf(target), spanOf(source)))
      await events.at(-1)!.whenDone()
      copies += queuedCopies
    }
  })
  const besideAttention = aloneSeconds / (await attending)
  device.free(target)
  device.free(source)
  return {
    links: ['hostToDevice', 'ramRead'],
    bytesPerSecond: [
      Math.min(alone.hostToDevice, (copies * copyBytes) / copySeconds),
      alone.ramRead * Math.min(1, besideAttention),
    ],
  }
}
