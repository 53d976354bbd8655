import type { Interrupt } from './interrupt.ts'
import type { Terminal } from './output/terminal.ts'

/** What every command gets. */
export interface CliContext {
  readonly terminal: Terminal
  readonly interrupt: Interrupt
  /** Set by a command that is asked for stacks. */
  showStack: boolean
}
