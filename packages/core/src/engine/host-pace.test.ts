import type { HostThreads } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HostPace } from './host-pace.ts'

/** A machine of 15 threads: what attention and the link take with so many of them, and what the threads have done so far. */
class Machine implements HostThreads {
  readonly most = 15
  busySeconds = 0
  used: number[] = []
  readonly #attention: (threads: number) => number
  readonly #link: (threads: number) => number

  constructor(attention: (threads: number) => number, link: (threads: number) => number) {
    this.#attention = attention
    this.#link = link
  }

  use(count: number): void {
    this.used.push(count)
  }

  get count(): number {
    return this.used.at(-1) ?? this.most
  }

  secondsWith(count: number): number {
    return Math.max(this.#attention(count), this.#link(count))
  }

  /** @param factor by which the sweep takes longer than it should */
  sweep(pace: HostPace, rows = 8, factor = 1): void {
    pace.beginSweep()
    this.busySeconds += this.#attention(this.count)
    pace.endSweep('decode', rows, this.secondsWith(this.count) * factor)
  }
}

/** Reads as one H100 machine does: few threads read less, many slow the link down. */
const attention = (gigabytes: number) => (threads: number) => gigabytes / Math.min(85, 7.5 * threads)
const link = (gigabytes: number) => (threads: number) => gigabytes / (53 - 0.65 * threads)

function run(machine: Machine, sweeps: number): HostPace {
  const pace = new HostPace(machine)
  pace.beginRun()
  pace.beginSweep()
  pace.endSweep('prefill', 8, 4)
  for (let i = 0; i < sweeps; i++) machine.sweep(pace)
  return pace
}

describe('threads that attend on the host', () => {
  it('become fewer where the link binds, as long as sweeps get shorter', () => {
    const machine = new Machine(attention(40), link(50))
    const pace = run(machine, 20)
    expect(pace.count).toBeLessThan(14)
    expect(machine.secondsWith(pace.count)).toBeLessThan(machine.secondsWith(15) * 0.97)
    expect(pace.notices).toEqual([expect.stringContaining(`took ${pace.count} of 15 threads`)])
  })

  it('stay all where attention binds', () => {
    const machine = new Machine(attention(90), link(20))
    expect(run(machine, 20).count).toBe(15)
    expect(new Set(machine.used)).toEqual(new Set([15]))
  })

  it('are all again where fewer save nothing, and stay so', () => {
    const machine = new Machine(attention(40), () => 1)
    const pace = run(machine, 30)
    expect(pace.count).toBe(15)
    expect(pace.notices).toEqual([])
    expect(machine.used.filter((count) => count < 15)).toHaveLength(1)
  })

  it('become more again as KV grows', () => {
    let gigabytes = 20
    const machine = new Machine((threads) => attention(gigabytes)(threads), link(50))
    const pace = run(machine, 12)
    expect(pace.count).toBeLessThan(10)
    gigabytes = 85
    for (let i = 0; i < 4; i++) machine.sweep(pace)
    expect(machine.used.at(-1)).toBeGreaterThan(10)
  })

  it('are given back at the end of a run, and taken as they were by the next', () => {
    const machine = new Machine(attention(40), link(50))
    const pace = run(machine, 20)
    const { count } = pace
    pace.endRun()
    expect(machine.count).toBe(15)
    pace.beginRun()
    expect(machine.count).toBe(count)
  })

  it('are never judged by sweeps of other sequences', () => {
    const machine = new Machine(attention(40), () => 1)
    const pace = run(machine, 4)
    expect(pace.count).toBeLessThan(15)
    // Half of the sequences have ended, and sweeps are shorter for that.
    for (let i = 0; i < 12; i++) machine.sweep(pace, 4, 0.5)
    expect(machine.used.length).toBeLessThan(12)
  })

  it('end where sweeps are no longer than with all of them, whatever the machine, but for noise', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 5, max: 120, noNaN: true }),
        fc.double({ min: 5, max: 80, noNaN: true }),
        fc.array(fc.double({ min: 1, max: 1.02, noNaN: true }), { minLength: 40, maxLength: 40 }),
        (attended, streamed, noise) => {
          const machine = new Machine(attention(attended), link(streamed))
          const pace = new HostPace(machine)
          pace.beginRun()
          for (const factor of noise) machine.sweep(pace, 8, factor)
          expect(machine.secondsWith(pace.count)).toBeLessThanOrEqual(machine.secondsWith(15) * 1.025)
        },
      ),
    )
  })
})
