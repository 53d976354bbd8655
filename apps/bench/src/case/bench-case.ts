import type { CaseFlags } from './case-flags.ts'

/** One thing to measure: a title for people and the flags. */
export interface BenchCase {
  readonly title: string
  readonly flags: CaseFlags
}

/** The title of a case that has none: model, prompt and new tokens, percents and batches. */
export function titleOf(flags: CaseFlags): string {
  const model = (flags.model ?? 'opt-6.7b').split(/[/\\]/).findLast((part) => part !== '')
  const lengths = `${flags.promptLen ?? 512}/${flags.maxNewTokens ?? 32}`
  const batches = `${flags.gpuBatchSize ?? 4}x${flags.numGpuBatches ?? 1}`
  const switches = [
    flags.overlap === false && 'no overlap',
    flags.sepLayer === false && 'whole layers',
    flags.directIo && 'direct reads',
    flags.compressWeight && '4-bit weights',
    flags.compressCache && '4-bit KV',
  ].filter((text) => typeof text === 'string')
  return [`${model}: ${lengths}`, (flags.percent ?? [100, 0, 100, 0, 100, 0]).join(' '), batches, ...switches].join(
    ', ',
  )
}
