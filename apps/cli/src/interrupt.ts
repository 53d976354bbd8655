import { AbortedError } from '@flexgen/spec'
import type { Output } from './output/terminal.ts'

/** Signals that stop a run, and the exit codes that a shell gives them. */
const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** A signal that comes so soon after the first is the same one: a terminal and npm both pass it on. */
const sameSignalMs = 500

/** Stops the run on the first signal and the process on the second. */
export interface Interrupt {
  readonly signal: AbortSignal
  /** Exit code of the signal that came; undefined before. */
  readonly exitCode: number | undefined
  /** Gives the signals back to Node, unless one has come: the process then ends with its code, whatever comes until it has. */
  stop(): void
}

/** Listens for SIGINT, SIGTERM and SIGHUP (the terminal was closed); `exit` ends the process at once. */
export function createInterrupt(
  log: Output,
  exit: (code: number) => void,
  now: () => number = () => performance.now(),
): Interrupt {
  const controller = new AbortController()
  let firstMs = 0
  let exitCode: number | undefined
  const listener = (signal: NodeJS.Signals): void => {
    const code = exitCodes[signal as keyof typeof exitCodes]
    if (exitCode !== undefined) {
      if (now() - firstMs > sameSignalMs) exit(code)
      return
    }
    exitCode = code
    firstMs = now()
    // On a terminal the line may hold text that has just been written, and the echo of Ctrl-C.
    log.writeLine(`${log.isTerminal ? '\n' : ''}stopping; once more to exit at once`)
    controller.abort(new AbortedError(`stopped by ${signal}`))
  }
  for (const signal of Object.keys(exitCodes)) process.on(signal, listener)
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode
    },
    stop: () => {
      if (exitCode !== undefined) return
      for (const signal of Object.keys(exitCodes)) process.off(signal, listener)
    },
  }
}
