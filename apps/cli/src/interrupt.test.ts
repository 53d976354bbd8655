import { expect, it } from 'vitest'
import { createInterrupt } from './interrupt.ts'
import type { Output } from './output/terminal.ts'

const log: Output = {
  isTerminal: false,
  write: () => undefined,
  writeLine: () => undefined,
  style: (_, text) => text,
}

it('stops the run on the first signal, the process on a later one, and then lets signals go', () => {
  let nowMs = 0
  const exits: number[] = []
  const before = process.listenerCount('SIGTERM')
  const interrupt = createInterrupt(
    log,
    (code) => void exits.push(code),
    () => nowMs,
  )
  expect([interrupt.signal.aborted, interrupt.exitCode]).toEqual([false, undefined])
  process.emit('SIGTERM', 'SIGTERM')
  expect([interrupt.signal.aborted, interrupt.exitCode]).toEqual([true, 143])
  expect(interrupt.signal.reason).toMatchObject({ code: 'ABORTED', message: 'stopped by SIGTERM' })
  // The same signal once more: npm has passed on what the terminal had sent already.
  nowMs = 400
  process.emit('SIGTERM', 'SIGTERM')
  expect(exits).toEqual([])
  nowMs = 600
  process.emit('SIGINT', 'SIGINT')
  expect(exits).toEqual([130])
  interrupt.stop()
  expect(process.listenerCount('SIGTERM')).toBe(before)
})
