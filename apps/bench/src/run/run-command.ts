import { AbortedError, type FlexgenError, UnsupportedDataError } from '@flexgen/spec'
import { type ChildProcess, spawn } from 'node:child_process'
import { z } from 'zod'
import { watchMemory } from '../system/watch-memory.ts'
import type { Repetition } from './outcome.ts'
import { parseLog } from './parse-log.ts'

/** How a foreign command is run. */
export interface RunCommandOptions {
  readonly signal?: AbortSignal | undefined
}

/** What a foreign command prints as one line of JSON, or in the form of FlexGen's log; other fields are ignored. */
export interface CommandResult {
  readonly prefill_s: number
  readonly decode_s: number
  readonly decode_tok_s: number
  readonly total_tok_s?: number
  readonly prefill_tok_s?: number
  /** With `prompt_len` it gives the prompt tokens per second. */
  readonly batch?: number
  readonly prompt_len?: number
}

const amount = z.number().nonnegative()
const resultSchema: z.ZodType<CommandResult> = z.object({
  prefill_s: amount,
  decode_s: amount,
  decode_tok_s: amount,
  total_tok_s: z.exactOptional(amount),
  prefill_tok_s: z.exactOptional(amount),
  batch: z.exactOptional(amount),
  prompt_len: z.exactOptional(amount),
})

/** Time that a command has to end by itself after it was asked to, in milliseconds. */
const graceMs = 5000

/**
 * Runs the other side once: a command for the shell that prints one line of JSON with `prefill_s`, `decode_s` and
 * `decode_tok_s`, or FlexGen's log.
 * @throws {FlexgenError} `UNSUPPORTED_DATA` where it fails or prints no such line; `ABORTED` after the signal
 */
export async function runCommand(command: string, { signal }: RunCommandOptions = {}): Promise<Repetition> {
  signal?.throwIfAborted()
  const startedAt = new Date().toISOString()
  const startMs = performance.now()
  // A process group of its own, so that all of it can be ended.
  const child = spawn(command, { shell: true, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const memory = watchMemory(child.pid ?? 0)
  const { code, output, errorText } = await endOf(child, signal)
  const processMemory = memory.stop()
  if (signal?.aborted) throw new AbortedError('the benchmark was stopped', { cause: signal.reason })
  if (code !== 0) throw refusal(command, `ended with ${code ?? 'a signal'}`, errorText)
  const result = findResult(output) ?? parseLog(output)
  if (result === undefined)
    throw refusal(
      command,
      'printed no line with prefill_s, decode_s and decode_tok_s, and no log of FlexGen',
      errorText,
    )
  const prefillTokensPerSecond = result.prefill_tok_s ?? promptRate(result)
  return {
    startedAt,
    wallSeconds: (performance.now() - startMs) / 1000,
    prefillSeconds: result.prefill_s,
    decodeSeconds: result.decode_s,
    decodeTokensPerSecond: result.decode_tok_s,
    ...(prefillTokensPerSecond !== undefined && { prefillTokensPerSecond }),
    ...(result.total_tok_s !== undefined && { totalTokensPerSecond: result.total_tok_s }),
    ...(processMemory !== undefined && { processMemory }),
  }
}

function promptRate({ batch, prompt_len: length, prefill_s: seconds }: CommandResult): number | undefined {
  return batch === undefined || length === undefined || seconds === 0 ? undefined : (batch * length) / seconds
}

/** The last line of an output that is such a result. */
export function findResult(output: string): CommandResult | undefined {
  for (const line of output.split('\n').toReversed()) {
    try {
      const parsed = resultSchema.safeParse(JSON.parse(line))
      if (parsed.success) return parsed.data
    } catch {
      // Not JSON: something else that the command says.
    }
  }
  return undefined
}

interface CommandEnd {
  readonly code: number | null
  readonly output: string
  readonly errorText: string
}

function endOf(child: ChildProcess, signal: AbortSignal | undefined): Promise<CommandEnd> {
  return new Promise((resolve) => {
    let [output, errorText] = ['', '']
    let timer: NodeJS.Timeout | undefined
    const kill = (how: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, how)
      } catch {
        // It has ended by itself.
      }
    }
    const stop = (): void => {
      kill('SIGTERM')
      timer = setTimeout(() => kill('SIGKILL'), graceMs).unref()
    }
    signal?.addEventListener('abort', stop, { once: true })
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errorText = (errorText + text).slice(-4000)))
    child.on('error', (error) => (errorText += error.message))
    child.on('close', (code) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      resolve({ code, output, errorText })
    })
  })
}

function refusal(command: string, what: string, errorText: string): FlexgenError {
  const last = errorText.trim().split('\n').at(-1) ?? ''
  return new UnsupportedDataError(`the command ${what}: ${command}`, {
    hint: last === '' ? 'run it by hand to see what it does' : `it said: ${last}`,
  })
}
