import type { Suite } from './suite.ts'

const workload = '--path _DUMMY_ --prompt-len 512 --gen-len 32'
const small = `--model facebook/opt-6.7b ${workload} --gpu-batch-size 32 --num-gpu-batches 4`
const large = `--model facebook/opt-30b ${workload}`
const off = '--percent 0 100 0 100 0 100'
// With whole layers nothing of a hidden state moves between attention and MLP.
const whole = '--sep-layer false'

/** What one GPU of a data centre is measured by: OPT of three sizes, everything off the card and on it. */
export const cudaSuite: Suite = {
  name: 'cuda',
  about: 'OPT-6.7B to OPT-66B on one GPU of 80 GB, against the limit of its links; or with --simulate h100-pcie5',
  backend: 'onnxruntime-cuda',
  cases: [
    { title: 'opt-6.7b 32x4: all off the card, KV streamed', command: `${small} ${off} ${whole}` },
    {
      title: 'opt-6.7b 32x4: all off the card, KV attended on the host',
      command: `${small} ${off} ${whole} --cpu-cache-compute`,
    },
    {
      title: 'opt-6.7b 32x4: all off the card, attention split by the planner',
      command: `${small} ${off} ${whole} --policy auto`,
    },
    {
      title: 'opt-6.7b 32x4: all off the card, 4-bit weights and KV',
      command: `${small} ${off} ${whole} --compress-weight --compress-cache`,
    },
    { title: 'opt-6.7b 32x4: all on the card', command: `${small} --percent 100 0 100 0 100 0 ${whole}` },
    { title: 'opt-30b, 160 prompts: auto, the whole card', command: `${large} --num-prompts 160 ${whole}` },
    {
      title: 'opt-30b, 160 prompts: auto, 16 GiB, KV streamed',
      command: `${large} --num-prompts 160 --max-device-memory 16GiB ${whole} --no-cpu-cache-compute`,
    },
    {
      title: 'opt-30b, 160 prompts: auto, 16 GiB, with the host',
      command: `${large} --num-prompts 160 --max-device-memory 16GiB ${whole}`,
    },
    {
      title: 'opt-30b, 160 prompts: auto, 16 GiB, 4 bits',
      command: `${large} --num-prompts 160 --max-device-memory 16GiB ${whole} --compress-weight --compress-cache`,
    },
    {
      title: 'opt-30b 32x2: 12 88 0 100 0 100',
      command: `${large} --percent 12 88 0 100 0 100 --gpu-batch-size 32 --num-gpu-batches 2 ${whole}`,
    },
    {
      title: 'opt-66b, 64 prompts: auto',
      command: `--model facebook/opt-66b ${workload} --num-prompts 64 ${whole}`,
    },
    {
      title: 'opt-13b 32x2: 40 % of the weights on disk',
      command: `--model facebook/opt-13b --path _DUMMY_ --prompt-len 512 --gen-len 8 --percent 30 30 100 0 100 0 --gpu-batch-size 32 --num-gpu-batches 2 ${whole} --direct-io`,
    },
  ],
}
