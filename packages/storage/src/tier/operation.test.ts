import { SettableEvent } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { OperationList } from './operation.ts'

const clock = { now: () => 5 }
const failure = { reason: 'disk' }

function addOperation(list: OperationList, pieces: readonly SettableEvent[]): { event: SettableEvent } {
  return list.add([], (piece) => pieces.forEach(piece))
}

describe('OperationList', () => {
  it('fails an operation whose first piece failed although its last one did not', () => {
    const list = new OperationList(clock)
    const [first, last] = [new SettableEvent(), new SettableEvent()]
    const { event } = addOperation(list, [first, last])
    first.settle(1, failure)
    expect(event.isDone()).toBe(false)
    last.settle(2)
    expect(event.error).toBe(failure)
    expect(list.isEmpty).toBe(true)
  })

  it('ends operations in order, also where a later one was dropped at once', () => {
    const list = new OperationList(clock)
    const [running, dropped] = [new SettableEvent(), new SettableEvent()]
    const [one, two] = [addOperation(list, [running]), addOperation(list, [dropped])]
    dropped.settle(1, failure)
    expect([one.event.isDone(), two.event.isDone()]).toEqual([false, false])
    running.settle(2)
    expect([one.event.error, two.event.error]).toEqual([undefined, failure])
  })

  it('fails what is behind a failed operation with the same error', () => {
    const list = new OperationList(clock)
    const [bad, good] = [new SettableEvent(), new SettableEvent()]
    addOperation(list, [bad])
    const { event } = addOperation(list, [good])
    good.settle(1)
    bad.settle(2, failure)
    expect(event.error).toBe(failure)
  })
})
