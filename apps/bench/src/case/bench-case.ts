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
  const switches = [
    flags.overlap === false && 'no overlap',
    flags.sepLayer === false && 'whole layers',
    flags.directIo && 'direct reads',
    flags.compressWeight && '4-bit weights',
    flags.compressCache && '4-bit KV',
  ].filter((text) => typeof text === 'string')
  return [`${model}: ${lengths}`, ...placeOf(flags), ...switches].join(', ')
}

/** Percents and batches; of a policy that is not known yet, who says it. */
function placeOf({ policy, percent, placement, gpuBatchSize, numGpuBatches }: CaseFlags): string[] {
  const batches = `${gpuBatchSize ?? 4}x${numGpuBatches ?? 1}`
  if (percent !== undefined) return [percent.join(' '), batches]
  if (policy === undefined && placement === 'flexgen') return ['100 0 100 0 100 0', batches]
  const given = gpuBatchSize === undefined && numGpuBatches === undefined ? [] : [batches]
  return [policy === undefined || policy === 'auto' ? 'auto' : `policy ${policy}`, ...given]
}
