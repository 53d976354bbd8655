import { styleText } from 'node:util'

/** A style that is used in the output; nothing else is coloured. */
export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'cyan' | 'green'

/** One of the two outputs. */
export interface Output {
  readonly isTerminal: boolean
  write(text: string): void
  writeLine(line?: string): void
  /** The text in a style, where the output shows styles. */
  style(style: Style, text: string): string
}

/** Data goes to `out`, progress and logs to `log`. */
export interface Terminal {
  readonly out: Output
  readonly log: Output
  /** Aborts once nobody reads `out` any more. */
  readonly closed: AbortSignal
}

/** The parts of a process that a terminal is made from. */
export interface TerminalStreams {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Wraps standard output and standard error; a reader that goes away (EPIPE) is no error. */
export function createTerminal({ stdout, stderr, env }: TerminalStreams): Terminal {
  const closed = new AbortController()
  stdout.on('error', () => closed.abort())
  stderr.on('error', () => undefined)
  return { out: createOutput(stdout, env), log: createOutput(stderr, env), closed: closed.signal }
}

function createOutput(stream: NodeJS.WriteStream, env: TerminalStreams['env']): Output {
  const isTerminal = stream.isTTY === true
  // no-color.org: any value but the empty one.
  const isStyled = isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  return {
    isTerminal,
    write: (text) => void stream.write(text),
    writeLine: (line = '') => void stream.write(`${line}\n`),
    style: (style, text) => (isStyled ? styleText(style, text, { validateStream: false }) : text),
  }
}
