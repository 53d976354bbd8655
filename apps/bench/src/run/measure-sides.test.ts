import { InfeasibleError } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { measureSides, type MeasureSidesOptions, type Outcomes, type PlannedRun } from './measure-sides.ts'
import type { Outcome, Repetition } from './outcome.ts'
import type { Side } from './side.ts'

const side = (title: string): Side => ({ kind: 'command', title, command: title })
const sides = ['a', 'b', 'c'].map(side)

const repetition: Repetition = {
  startedAt: '2026-11-20T10:00:00.000Z',
  wallSeconds: 3,
  prefillSeconds: 1,
  decodeSeconds: 2,
  decodeTokensPerSecond: 5,
}
const good: Outcome = { ok: true, repetition }

/** Runs with a made-up side and returns what ran, such as `a-` for a warm-up of a and `b0` for its first repetition. */
async function order(
  options: Partial<MeasureSidesOptions>,
): Promise<{ ran: string[]; outcomes: [PlannedRun, Outcome][] }> {
  const ran: string[] = []
  const outcomes: [PlannedRun, Outcome][] = []
  await measureSides({
    sides,
    repeat: 2,
    warmUp: 1,
    execute: () => Promise.resolve(repetition),
    onStart: ({ side: index, repetition: number }) => ran.push(`${sides[index]!.title}${number ?? '-'}`),
    onOutcome: (run, outcome) => void outcomes.push([run, outcome]),
    ...options,
  })
  return { ran, outcomes }
}

describe('sides', () => {
  it('warm up, then take turns', async () => {
    const { ran, outcomes } = await order({})
    expect(ran).toEqual(['a-', 'b-', 'c-', 'a0', 'b0', 'c0', 'a1', 'b1', 'c1'])
    expect(outcomes[3]).toEqual([{ side: 0, repetition: 0 }, good])
  })

  it('that are done are not run again, nor warmed up', async () => {
    const done: Outcomes = new Map([
      [
        0,
        new Map([
          [0, good],
          [1, good],
        ]),
      ],
      [2, new Map([[0, good]])],
    ])
    expect((await order({ done, warmUp: 2 })).ran).toEqual(['b-', 'c-', 'b-', 'c-', 'b0', 'b1', 'c1'])
    expect((await order({ done, repeat: 3, warmUp: 0 })).ran).toEqual(['b0', 'b1', 'c1', 'a2', 'b2', 'c2'])
  })

  it('that fail are not run again, the others go on', async () => {
    const execute = ({ title }: Side): Promise<Repetition> =>
      title === 'b' ? Promise.reject(new InfeasibleError('too large', { hint: 'less' })) : Promise.resolve(repetition)
    const { ran, outcomes } = await order({ execute })
    expect(ran).toEqual(['a-', 'b-', 'c-', 'a0', 'c0', 'a1', 'c1'])
    const failure = { code: 'INFEASIBLE', message: 'too large', hint: 'less' }
    expect(outcomes[1]).toEqual([
      { side: 1, repetition: undefined },
      { ok: false, failure },
    ])
    expect((await order({ done: new Map([[1, new Map([[0, { ok: false, failure }]])]]) })).ran).not.toContain('b1')
  })

  it('end at a signal, without an outcome for the run that was stopped', async () => {
    const controller = new AbortController()
    const outcomes: string[] = []
    const running = measureSides({
      sides,
      repeat: 1,
      warmUp: 0,
      signal: controller.signal,
      execute: ({ title }) => {
        if (title === 'b') controller.abort()
        return title === 'b' ? Promise.reject(new InfeasibleError('stopped')) : Promise.resolve(repetition)
      },
      onOutcome: ({ side: index }) => void outcomes.push(sides[index]!.title),
    })
    await expect(running).rejects.toThrow('stopped')
    expect(outcomes).toEqual(['a'])
  })
})
