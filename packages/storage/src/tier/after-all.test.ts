import { doneEvent, SettableEvent } from '@flexgen/spec'
import { expect, it, vi } from 'vitest'
import { afterAll } from './after-all.ts'

it('afterAll calls back once, when the last event has ended, well or not', () => {
  const done = vi.fn()
  const [one, two] = [new SettableEvent(), new SettableEvent()]
  afterAll([doneEvent, one, two], done)
  one.settle(1, new DOMException('failed'))
  expect(done).not.toHaveBeenCalled()
  two.settle(2)
  expect(done).toHaveBeenCalledTimes(1)
  afterAll([], done)
  afterAll([doneEvent], done)
  expect(done).toHaveBeenCalledTimes(3)
})
