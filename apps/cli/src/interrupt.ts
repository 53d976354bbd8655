import { AbortedError } from '@flexgen/spec'
import type { Output } from './output/terminal.ts'

/** Signals that stop a run, and the exit codes that a shell gives them. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/** Stops the run on the first signal and the process on the second. */
export interface Interrupt {
  readonly signal: AbortSignal
  /** Exit code of the signal that came; undefined before. */
  readonly exitCode: number | undefined
  /** Gives the signals back to Node. */
  stop(): void
}

/** Listens for SIGINT and SIGTERM; `exit` ends the process at once. */
export function createInterrupt(log: Output, exit: (code: number) => void): Interrupt {
  const controller = new AbortController()
  let exitCode: number | undefined
  const listener = (signal: NodeJS.Signals): void => {
    const code = exitCodes[signal as keyof typeof exitCodes]
    if (exitCode !== undefined) exit(code)
    exitCode = code
    log.writeLine(`${log.isTerminal ? '\r\u001b[2K' : ''}stopping; once more to exit at once`)
    controller.abort(new AbortedError(`stopped by ${signal}`))
  }
  for (const signal of Object.keys(exitCodes)) process.on(signal, listener)
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode
    },
    stop: () => {
      for (const signal of Object.keys(exitCodes)) process.off(signal, listener)
    },
  }
}
