import { afterEach, expect, it } from 'vitest'
import { createInterrupt } from './interrupt.ts'
import type { Output } from './output/terminal.ts'

const log: Output = {
  isTerminal: false,
  write: () => undefined,
  writeLine: () => undefined,
  style: (_, text) => text,
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]))
afterEach(() => {
  for (const signal of signals) {
    for (const listener of process.listeners(signal)) {
      if (!before.get(signal)!.includes(listener)) process.off(signal, listener)
    }
  }
})

it('lets signals go where none has come', () => {
  createInterrupt(log, () => undefined).stop()
  for (const signal of signals) expect(process.listeners(signal)).toEqual(before.get(signal))
})

it('stops the run on the first signal, the process on a later one, also once the run has ended', () => {
  let nowMs = 0
  const exits: number[] = []
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
  // A signal that Node has back would kill the process while it ends.
  interrupt.stop()
  process.emit('SIGHUP', 'SIGHUP')
  expect(exits).toEqual([])
  nowMs = 600
  process.emit('SIGINT', 'SIGINT')
  expect(exits).toEqual([130])
})
