import { Option } from 'commander'
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
