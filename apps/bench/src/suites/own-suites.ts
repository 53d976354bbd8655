import type { Suite, SuiteCase } from './suite.ts'

function cases(model: string, common: string, rest: readonly (readonly [string, string])[]): SuiteCase[] {
  return rest.map(([title, flags]) => ({
    title: `${model}: ${title}`,
    command: `--model ${model} --path _DUMMY_ ${common} ${flags}`,
  }))
}

/** Suites for machines without a GPU and without a checkpoint. */
export const ownSuites: readonly Suite[] = [
  {
    name: 'small',
    about: 'OPT-125M in every place; a few minutes on two cores',
    cases: cases('opt-125m', '--prompt-len 72 --gen-len 12', [
      ['all on the device', '--percent 100 0 100 0 100 0 --gpu-batch-size 8'],
      ['weights in RAM', '--percent 0 100 100 0 100 0 --gpu-batch-size 8'],
      ['weights on disk', '--percent 0 0 100 0 100 0 --gpu-batch-size 8'],
      ['weights on disk, no overlap', '--percent 0 0 100 0 100 0 --gpu-batch-size 8 --overlap false'],
      ['weights on disk, 4 batches', '--percent 0 0 100 0 100 0 --gpu-batch-size 4 --num-gpu-batches 4'],
      ['everything spread', '--percent 20 30 20 40 0 100 --gpu-batch-size 5 --num-gpu-batches 2'],
    ]),
  },
  {
    name: '1.3b',
    about: 'OPT-1.3B in every place; needs 6 GB of RAM',
    cases: cases('opt-1.3b', '--prompt-len 128 --gen-len 16 --gpu-batch-size 8', [
      ['all on the device', '--percent 100 0 100 0 100 0'],
      ['weights in RAM', '--percent 0 100 100 0 100 0'],
      ['three quarters of the weights on disk', '--percent 0 25 100 0 100 0'],
      ['weights on disk', '--percent 0 0 100 0 100 0'],
      ['weights on disk, 2 batches', '--percent 0 0 100 0 100 0 --num-gpu-batches 2'],
      ['KV on disk', '--percent 100 0 0 0 100 0'],
    ]),
  },
]
