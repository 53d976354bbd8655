import { setTimeout } from 'node:timers/promises'
import { FlexgenError } from '@flexgen/spec'
import type { Engine, GenerateOptions, GenerationRequest, GenerationResult } from '../../src/index.ts'

/** How a run ended, and the results that were handed out before. */
export interface Outcome {
  readonly results: readonly GenerationResult[]
  /** `ok`, the code of its `FlexgenError`, `hung`, or whatever else was thrown. */
  readonly end: string
}

/**
 * `ok` or what an operation fails with; `hung` where it does not end.
 * @param onError told what it failed with
 */
export async function endOf(
  operation: Promise<unknown>,
  onError?: (error: unknown) => void,
  limitMs = 60_000,
): Promise<string> {
  const limit = new AbortController()
  const ended = operation.then(
    () => 'ok',
    (error: unknown) => {
      onError?.(error)
      return FlexgenError.isInstance(error) ? error.code : `not a FlexgenError: ${String(error)}`
    },
  )
  const hung = setTimeout(limitMs, 'hung', { signal: limit.signal }).catch(() => 'hung')
  const end = await Promise.race([ended, hung])
  limit.abort()
  return end
}

/** Generates and keeps what came before the end. */
export async function outcomeOf(
  engine: Engine,
  requests: readonly GenerationRequest[],
  options: GenerateOptions,
  onError?: (error: unknown) => void,
): Promise<Outcome> {
  const results: GenerationResult[] = []
  const run = async (): Promise<void> => {
    for await (const event of engine.generate(requests, options)) {
      if (event.type === 'result') results.push(event.result)
    }
  }
  return { end: await endOf(run(), onError), results }
}
