import { describe, expect, it } from 'vitest'
import { InternalError } from '../error/internal-error.ts'
import { systemClock } from '../trace/clock.ts'
import { SettableEvent } from './settable-event.ts'
import { TaskQueue } from './task-queue.ts'

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const queueOf = (lanes: number): TaskQueue => new TaskQueue({ name: 'test', clock: systemClock, lanes })
const failure = new InternalError('broken on purpose')

describe('TaskQueue', () => {
  it('settles events in order though tasks end out of order', async () => {
    const queue = queueOf(3)
    const ended: number[] = []
    ;[15, 1, 8].forEach((delay, i) => queue.push('task', 0, () => wait(delay)).onSettled(() => ended.push(i)))
    await queue.idle()
    expect(ended).toEqual([0, 1, 2])
  })

  it('holds back what was queued behind a wait', async () => {
    const queue = queueOf(2)
    const gate = new SettableEvent()
    const log: string[] = []
    queue.push('before', 0, () => void log.push('before'))
    queue.wait(gate)
    const after = queue.push('after', 0, () => void log.push('after'))
    await wait(3)
    expect(log).toEqual(['before'])
    expect(after.isDone()).toBe(false)
    gate.settle(systemClock.now())
    await after.whenDone()
    expect(log).toEqual(['before', 'after'])
  })

  it('fails everything behind a failed task or a failed event, and runs none of it', async () => {
    const gate = new SettableEvent()
    const queue = queueOf(1)
    const ran: string[] = []
    queue.wait(gate)
    const first = queue.push('first', 0, () => void ran.push('first'))
    gate.settle(systemClock.now(), failure)
    const later = queue.push('later', 0, () => void ran.push('later'))
    await expect(first.whenDone()).rejects.toBe(failure)
    await expect(later.whenDone()).rejects.toBe(failure)
    await queue.idle()
    expect(ran).toEqual([])
  })

  it('settles cancelled tasks only after what still runs', async () => {
    const queue = queueOf(1)
    const ended: string[] = []
    queue.push('running', 0, () => wait(10)).onSettled((error) => ended.push(`running ${error === undefined}`))
    queue.push('pending', 0, () => undefined).onSettled((error) => ended.push(`pending ${error === failure}`))
    queue.cancel(failure)
    expect(ended).toEqual([])
    await queue.idle()
    expect(ended).toEqual(['running true', 'pending true'])
  })

  it('passes the error of a task on', async () => {
    const queue = queueOf(2)
    const broken = queue.push('broken', 0, () => Promise.reject(failure))
    const behind = queue.push('behind', 0, () => wait(1))
    await expect(broken.whenDone()).rejects.toBe(failure)
    await behind.whenDone().catch(() => undefined)
    await expect(queue.push('after', 0, () => undefined).whenDone()).rejects.toBe(failure)
  })
})
