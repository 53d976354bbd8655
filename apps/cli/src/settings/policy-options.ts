import { Option } from 'commander'
import { percents, wholeNumber } from './option-parsers.ts'
import { option } from './options.ts'

/** Flags with which the planner chooses where things go, and predicts. */
export const policyOptions: readonly Option[] = [
  option(
    '--policy <auto|file>',
    'auto, the default without --percent: the planner chooses percents and batches; or a file of flexgen plan --save',
  ),
  option(
    '--hardware <profile>',
    'what the planner knows of the machine: a name or file (default: what flexgen profile saved)',
  ),
  new Option('--no-history', 'neither correct the prediction by past runs nor keep this run for the next'),
]

/** FlexGen's six numbers. */
export const percentOption: Option = option(
  '--percent <number...>',
  'six numbers: device and RAM share of weights, of KV cache, of activations; the rest lies on disk',
  percents,
)

/** How a block is cut. */
export const batchOptions: readonly Option[] = [
  option(
    '--gpu-batch-size <count>',
    'sequences that are computed together (default: chosen with the policy, else 4)',
    wholeNumber(1),
  ),
  option(
    '--num-gpu-batches <count>',
    'batches that share each loaded weight (default: chosen with the policy, else 1)',
    wholeNumber(1),
  ),
]
