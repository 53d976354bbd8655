import type { Suite, SuiteCase } from './suite.ts'

/** Prompt lengths of the published runs; 512 is the default of the flag. */
const promptLens = [256, 512, 1024] as const

/** One case a prompt length; `rest` are the flags that differ. */
function cases(model: string, note: string, common: string, rest: readonly [string, string, string]): SuiteCase[] {
  return promptLens.map((promptLen, i) => ({
    title: `${model}: ${promptLen}/32${note}`,
    command: `--model facebook/${model} --path _DUMMY_ --prompt-len ${promptLen} --gen-len 32 ${common} ${rest[i]}`,
  }))
}

const onDevice = '--percent 100 0 100 0 100 0 --overlap False'
const in175b = '--pin-weight 0 --debug fewer_batch'

/**
 * The suites of FlexGen's published runs on one T4 with 16 GB (benchmark/flexllmgen/bench_suite.py), policy by policy.
 */
export const flexgenSuites: readonly Suite[] = [
  {
    name: '6.7b',
    flexgenName: '6b7_1x1',
    about: 'OPT-6.7B, all on the device',
    cases: cases('opt-6.7b', '', onDevice, ['--gpu-batch-size 4', '--gpu-batch-size 2', '--gpu-batch-size 1']),
  },
  {
    name: '6.7b-4bit',
    flexgenName: '6b7_1x1_comp',
    about: 'OPT-6.7B, weights and KV in 4 bits',
    cases: cases('opt-6.7b', ', 4 bits', `${onDevice} --compress-weight --compress-cache`, [
      '--gpu-batch-size 128',
      '--gpu-batch-size 72',
      '--gpu-batch-size 28',
    ]),
  },
  {
    name: '30b',
    flexgenName: '30b_1x1',
    about: 'OPT-30B, KV in RAM and attention beside it',
    cases: cases('opt-30b', '', '--cpu --debug fewer_batch', [
      '--percent 10 90 0 100 0 100 --gpu-batch-size 160 --num-gpu-batches 2',
      '--percent 20 80 0 100 0 100 --gpu-batch-size 48 --num-gpu-batches 3',
      '--percent 4 96 0 100 0 100 --gpu-batch-size 20 --num-gpu-batches 4',
    ]),
  },
  {
    name: '30b-4bit',
    flexgenName: '30b_1x1_comp',
    about: 'OPT-30B, KV in 4 bits',
    cases: cases('opt-30b', ', 4-bit KV', '--percent 0 100 0 100 0 100 --debug fewer_batch --compress-cache', [
      '--gpu-batch-size 128 --num-gpu-batches 8',
      '--gpu-batch-size 64 --num-gpu-batches 8',
      '--gpu-batch-size 20 --num-gpu-batches 12',
    ]),
  },
  {
    name: '175b',
    flexgenName: '175b_1x1',
    about: 'OPT-175B, half of the weights and all KV on disk',
    cases: cases('opt-175b', '', `${in175b} --percent 0 50 0 0 0 100 --cpu`, [
      '--gpu-batch-size 64 --num-gpu-batches 8',
      '--gpu-batch-size 32 --num-gpu-batches 8',
      '--gpu-batch-size 12 --num-gpu-batches 12',
    ]),
  },
  {
    name: '175b-4bit',
    flexgenName: '175b_1x1_comp',
    about: 'OPT-175B, weights and KV in 4 bits',
    cases: cases('opt-175b', ', 4 bits', `${in175b} --percent 0 100 0 100 0 100 --compress-weight --compress-cache`, [
      '--gpu-batch-size 96 --num-gpu-batches 3',
      '--gpu-batch-size 48 --num-gpu-batches 3',
      '--gpu-batch-size 12 --num-gpu-batches 4',
    ]),
  },
]
