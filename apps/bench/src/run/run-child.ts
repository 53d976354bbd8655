import { AbortedError, type FlexgenError, InternalError, OutOfMemoryError } from '@flexgen/spec'
import { type ChildProcess, fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { MeasureOptions } from '../measure/measure-case.ts'
import type { ProcessMemory } from '../system/process-memory.ts'
import { watchMemory } from '../system/watch-memory.ts'
import type { ChildMessage, ChildRequest, ChildResults } from './child-messages.ts'
import { toError } from './failure.ts'

/** Time that a process has to end by itself after it was asked to, in milliseconds. */
const graceMs = 10_000

/** What a process gave, and the memory that it took. */
export interface ChildEnd<Type extends keyof ChildResults> {
  readonly result: ChildResults[Type]
  readonly processMemory: ProcessMemory | undefined
}

/**
 * Has one request answered by a process of its own; settles once that has ended, so that nothing of it disturbs the
 * next.
 * @throws {FlexgenError} what the request failed with; `OUT_OF_MEMORY` where the system killed it; `ABORTED`
 */
export async function runChild<Type extends keyof ChildResults>(
  request: ChildRequest & { readonly type: Type },
  options: MeasureOptions = {},
): Promise<ChildEnd<Type>> {
  options.signal?.throwIfAborted()
  const child = startChild()
  const memory = watchMemory(child.pid ?? 0)
  try {
    child.send(request)
    const result = (await resultOf(child, options)) as ChildResults[Type]
    return { result, processMemory: memory.stop() }
  } finally {
    memory.stop()
  }
}

function startChild(): ChildProcess {
  const isSource = import.meta.url.endsWith('.ts')
  const main = fileURLToPath(new URL(isSource ? './child-main.ts' : './child-main.js', import.meta.url))
  return fork(main, {
    execArgv: isSource ? ['--conditions=@flexgen/source'] : [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // As the command line does it: reads of files run in this pool, several in flight.
    env: { UV_THREADPOOL_SIZE: String(Math.min(64, Math.max(16, 2 * availableParallelism()))), ...process.env },
  })
}

function resultOf(
  child: ChildProcess,
  { signal, onProgress }: MeasureOptions,
): Promise<ChildResults[keyof ChildResults]> {
  return new Promise((resolve, reject) => {
    let result: Exclude<ChildMessage, { readonly type: 'progress' }> | undefined
    let errorText = ''
    let timer: NodeJS.Timeout | undefined
    const stop = (): void => {
      child.kill('SIGTERM')
      timer = setTimeout(() => child.kill('SIGKILL'), graceMs).unref()
    }
    signal?.addEventListener('abort', stop, { once: true })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errorText = (errorText + text).slice(-2000)))
    child.on('message', (message: ChildMessage) => {
      if (message.type === 'progress') onProgress?.(message.progress)
      else result = message
    })
    child.on('error', (error) =>
      reject(new InternalError(`a process did not start: ${error.message}`, { cause: error })),
    )
    child.on('close', (code, killedBy) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      if (signal?.aborted) reject(new AbortedError('the benchmark was stopped', { cause: signal.reason }))
      else if (result?.type === 'result') resolve(result.result)
      else reject(result === undefined ? deathOf(code, killedBy, errorText) : toError(result.failure))
    })
  })
}

/** Why a process ended that said nothing. */
function deathOf(code: number | null, killedBy: NodeJS.Signals | null, errorText: string): FlexgenError {
  const lines = errorText.trim().split('\n')
  // Node ends with its version; what went wrong stands above the stack.
  const telling = lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? ''
  const said = telling === '' ? '' : `: ${telling}`
  if (killedBy === 'SIGKILL') return new OutOfMemoryError(`the system killed the run${said}`)
  return new InternalError(`the process of the run ended with ${killedBy ?? `code ${code}`}${said}`)
}
