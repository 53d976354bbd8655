import { createSimulation, type Scenario, type SimulatedHardware, type Simulation } from '../src/index.ts'
import { type HostBuffer, type QueueEvent, spanOf, type TraceSpan } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { gpuMachine } from './support/small-machines.ts'

/** Copies to the device of 4 GB/s, 10 us each; 40 MB take 10.01 ms. */
const copyBytes = 40e6

function open(scenario?: Omit<Scenario, 'schemaVersion'>, hardware: SimulatedHardware = gpuMachine): Simulation {
  return createSimulation({ hardware, scenario: { schemaVersion: 1, ...scenario } })
}

function copies({ backend }: Simulation): {
  readonly copyIn: (queue: string) => QueueEvent
  readonly copyOut: () => QueueEvent
} {
  const device = spanOf(backend.allocate(copyBytes))
  const host = spanOf<HostBuffer>(backend.allocateHost(copyBytes))
  const queues = new Map<string, ReturnType<typeof backend.createQueue>>()
  const queueOf = (name: string): ReturnType<typeof backend.createQueue> => {
    const queue = queues.get(name) ?? backend.createQueue(name)
    queues.set(name, queue)
    return queue
  }
  return {
    copyIn: (name) => queueOf(name).copyIn(device, host),
    copyOut: () => queueOf('out').copyOut(host, device),
  }
}

async function endsOf(...events: QueueEvent[]): Promise<number[]> {
  for (const event of events) await event.whenDone()
  return events.map(({ completedAtMs }) => completedAtMs!)
}

describe('virtual time', () => {
  it('stands while nobody waits, and is bytes over bandwidth and a fixed cost', async () => {
    const simulation = open()
    const { copyIn } = copies(simulation)
    const event = copyIn('a')
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect([simulation.clock.now(), event.isDone()]).toEqual([0, false])
    expect((await endsOf(event))[0]).toBeCloseTo(10.01, 9)
    expect(simulation.clock.now()).toBe(event.completedAtMs)
  })

  it('shares a link between queues, and not between directions', async () => {
    const { copyIn, copyOut } = copies(open())
    const [first, second, third, out] = await endsOf(copyIn('a'), copyIn('b'), copyIn('a'), copyOut())
    // Two at half the speed until both end, then one alone.
    expect([first, second]).toEqual([expect.closeTo(20.02, 9), expect.closeTo(20.02, 9)])
    expect(third).toBeCloseTo(30.03, 9)
    expect(out).toBeCloseTo(20.01, 9)
  })

  it('lets links that are slower together be so while both are busy, and no longer', async () => {
    const hardware: SimulatedHardware = {
      ...gpuMachine,
      // In half as fast beside out, out as fast as ever.
      shared: [{ links: ['hostToDevice', 'deviceToHost'], bytesPerSecond: [2e9, 2e9] }],
    }
    const { copyIn, copyOut } = copies(open({}, hardware))
    const [firstIn, secondIn, out] = await endsOf(copyIn('a'), copyIn('a'), copyOut())
    expect([firstIn, out]).toEqual([expect.closeTo(20.015, 6), expect.closeTo(20.01, 6)])
    expect(secondIn).toBeCloseTo(30.025, 6)
  })

  it('changes speeds at the time of the scenario, also within an operation, and from a restart on anew', async () => {
    const simulation = open({ changes: [{ atSeconds: 0.005, speed: 'hostToDevice', factor: 0.5 }] })
    const seen: number[] = []
    simulation.onChange(() => seen.push(simulation.clock.now()))
    const { copyIn } = copies(simulation)
    // 5 ms at full speed, the remaining 5.01 at half.
    expect((await endsOf(copyIn('a')))[0]).toBeCloseTo(15.02, 6)
    expect(seen).toEqual([5])
    simulation.restart()
    expect((await endsOf(copyIn('a')))[0]).toBeCloseTo(30.04, 6)
    expect(seen[1]).toBeCloseTo(20.02, 6)
  })

  it('changes budgets: what is held stays, what comes is measured by the new one', async () => {
    const simulation = open({
      changes: [
        { atSeconds: 0.001, budget: 'device', bytes: copyBytes + 100 },
        { atSeconds: 0.002, budget: 'ram', bytes: copyBytes + 200 },
        { atSeconds: 0.003, budget: 'disk', bytes: 300 },
      ],
    })
    const { backend, disk, budgets } = simulation
    const { copyIn } = copies(simulation)
    await endsOf(copyIn('a'))
    expect(budgets).toEqual({ device: copyBytes + 100, ram: copyBytes + 200, disk: 300 })
    expect(() => backend.allocate(101)).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }))
    expect(() => backend.allocateHost(201)).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }))
    await expect(disk.allocate(301)).rejects.toMatchObject({ code: 'OUT_OF_DISK' })
    backend.free(backend.allocate(100))
    backend.free(backend.allocateHost(200))
    disk.free(await disk.allocate(300))
    simulation.restart()
    backend.free(backend.allocate(101))
  })

  it('has noise that is the same for the same seed and within its spread', async () => {
    const timesOf = async (seed: number): Promise<number[]> => {
      const { copyIn } = copies(open({ noise: { spread: 0.2, seed } }))
      const ends = await endsOf(...Array.from({ length: 50 }, () => copyIn('a')))
      return ends.map((end, i) => end - (ends[i - 1] ?? 0))
    }
    const times = await timesOf(1)
    expect(await timesOf(1)).toEqual(times)
    expect(await timesOf(2)).not.toEqual(times)
    expect(Math.min(...times)).toBeGreaterThan(10.01 * 0.8)
    expect(Math.max(...times)).toBeLessThan(10.01 * 1.2)
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(2)
  })

  it('orders what ends at once by where it was queued first', async () => {
    const simulation = open()
    const { backend } = simulation
    const spans: TraceSpan[] = []
    const buffer = spanOf(backend.allocate(1000))
    const host = spanOf<HostBuffer>(backend.allocateHost(1000))
    const queues = ['c', 'a', 'b'].map((name) => backend.createQueue(name, { span: (span) => void spans.push(span) }))
    for (const queue of queues) queue.copyIn(buffer, host)
    for (const queue of queues) await queue.idle()
    expect(spans.map(({ queue }) => queue)).toEqual(['c', 'a', 'b'])
    expect(new Set(spans.map(({ endMs }) => endMs)).size).toBe(1)
  })

  it('hears timers while a long run goes on', async () => {
    const { copyIn } = copies(open())
    let heard = false
    setTimeout(() => (heard = true), 1)
    const begun = performance.now()
    while (!heard && performance.now() - begun < 5000) await copyIn('a').whenDone()
    expect(heard).toBe(true)
  })
})
