import { Worker } from 'node:worker_threads'

/** Ends the process where one piece of work takes too long, also where it never lets go of the thread. */
export interface Watchdog extends Disposable {
  /** Says that the next piece of work begins. */
  beat(): void
}

/** Waits for each beat in a thread of its own; without one in time it says so and kills the process. */
const watch = `
  const { workerData } = process.getBuiltinModule('node:worker_threads')
  const beats = new Int32Array(workerData.beats)
  let seen = Atomics.load(beats, 0)
  while (Atomics.wait(beats, 0, seen, workerData.seconds * 1000) !== 'timed-out') seen = Atomics.load(beats, 0)
  process.getBuiltinModule('node:fs').writeSync(2, workerData.message + ' (input ' + seen + ')\\n')
  process.kill(process.pid, 'SIGKILL')
`

/**
 * Starts a watchdog.
 * @param message what it writes to stderr before it kills the process
 */
export function startWatchdog(seconds: number, message: string): Watchdog {
  const beats = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(watch, { eval: true, workerData: { beats: beats.buffer, seconds, message } })
  worker.unref()
  return {
    beat: () => {
      Atomics.add(beats, 0, 1)
      Atomics.notify(beats, 0)
    },
    [Symbol.dispose]: () => void worker.terminate(),
  }
}
