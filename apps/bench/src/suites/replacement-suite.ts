import type { Suite, SuiteCase } from './suite.ts'

const follows = '--reallocate-timing 2 --include-reallocate-punish true'

/** A plan that stays what it was, and the same plan followed by measurements. */
function pair(title: string, command: string): SuiteCase[] {
  return [
    { title: `${title}, fixed`, command },
    { title: `${title}, followed`, command: `${command} ${follows}` },
  ]
}

const job = '--model opt-13b --path _DUMMY_ --gpu-batch-size 16 --num-gpu-batches 1 --prompt-len 512 --gen-len 512'
const beside = '--model opt-13b --path _DUMMY_ --gpu-batch-size 32 --num-gpu-batches 2 --prompt-len 128 --gpu-mem 22GiB'

/** Where placement that follows the run may win: what changes in each case is its scenario. */
export const replacementSuite: Suite = {
  name: 'replacement',
  about: 'OPT-13B while budgets, links and lengths change; for one GPU, or with --simulate h100-pcie5',
  cases: [
    {
      title: 'budget 38-14-38: percents as FlexGen rounds them, for 14 GiB',
      command: `${job} --gpu-mem 14GiB --percent 0 100 80 20 100 0 --placement flexgen`,
    },
    { title: 'budget 38-14-38: the best fixed plan for 14 GiB', command: `${job} --gpu-mem 14GiB` },
    {
      title: 'budget 38-14-38: followed',
      command: `${job} --gpu-mem 38GiB --percent 100 0 100 0 100 0 --cpu-cache-compute --scenario budget-38-14-38 ${follows}`,
    },
    ...pair('long generation with host attention', `${beside} --gen-len 896`),
    ...pair('the link is slower than believed', `${beside} --gen-len 256 --scenario link-slower`),
    ...pair('the host is slower than believed', `${beside} --gen-len 256 --scenario host-slower`),
    ...pair('the link is shared for a while', `${beside} --gen-len 896 --scenario link-contention`),
    ...(['false', 'true'] as const).map((refill) => ({
      title: `ragged lengths, ${refill === 'true' ? 'places refilled' : 'blocks one by one'}`,
      command: `--model opt-13b --path _DUMMY_ --gpu-batch-size 32 --num-gpu-batches 2 --num-prompts 256 --prompt-len 128 --gen-len 512 --gpu-mem 22GiB --percent 75 25 0 100 100 0 --cpu-cache-compute --scenario long-tail --refill ${refill}`,
    })),
  ],
}
