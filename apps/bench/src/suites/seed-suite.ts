import type { Suite, SuiteCase } from './suite.ts'

const fitted =
  '--model facebook/opt-30b --path _DUMMY_ --percent 12 78 0 100 0 100 --gpu-batch-size 32 --num-gpu-batches 5 --prompt-len 512 --gen-len 32'

function reallocated(title: string, timing: number, punish: boolean): SuiteCase {
  return {
    title: `opt-30b: ${title}${punish ? ', with punish' : ''}`,
    command: `${fitted} --reallocate-timing ${timing}${punish ? ' --include-reallocate-punish true' : ''}`,
  }
}

const ways = [
  ['Reallocate before generate', 1],
  ['Reallocate-in-flight (every token)', 2],
  ['Reallocate-in-flight (after some tokens)', 3],
] as const

/** The seven runs of the log that this project started from (bench_reallocate_30b.md). */
export const seedSuite: Suite = {
  name: 'reallocate-30b',
  about: 'OPT-30B with fitted ratios, placed anew before or during the run',
  cases: [
    { title: 'opt-30b: Fitted ratios', command: fitted },
    ...[false, true].flatMap((punish) => ways.map(([title, timing]) => reallocated(title, timing, punish))),
  ],
}
