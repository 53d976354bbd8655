import type { Command, Option } from 'commander'
import { backendOption } from '../settings/backend-options.ts'
import { numberWithin, repeated, repeatedIds, wholeNumber } from '../settings/option-parsers.ts'
import { addGroup, option, switchOptions } from '../settings/options.ts'
import { batchOptions, percentOption, policyOptions } from '../settings/policy-options.ts'

/** The flags of `generate`: FlexGen's by their names, and ours. */
export function addGenerateOptions(command: Command): void {
  addGroup(command, 'Model:', [
    option('--model <model>', 'folder, or name that is looked up in --path and the Hugging Face cache').default(
      'demo',
      'the embedded demo model',
    ),
    option('--path <folder>', 'folder of models; _DUMMY_ for made-up weights of a named size'),
  ])
  addGroup(command, 'Prompts and output:', [
    option('--prompt <text>', 'a prompt; may be repeated', repeated),
    option('--prompt-ids <ids>', 'a prompt as token ids, such as 5,17,42; may be repeated', repeatedIds),
    option(
      '--input <file>',
      'prompts as JSON lines, - for standard input: {"prompt"} or {"promptIds"}, with "maxNewTokens" if you like',
    ),
    option('--num-prompts <count>', 'prompts of random ids, by --seed', wholeNumber(1)),
    option('--prompt-len <count>', 'ids of each random prompt (default 32)', wholeNumber(1)),
    option('--output <file>', 'write results as JSON lines, each as soon as it is there; - for standard output'),
    option('--resume', 'go on with an --output that an earlier run left: what is in it is not done again'),
    option('--json', 'print one JSON object with all outputs and the report'),
  ])
  addGroup(command, 'Generation:', [
    option('--gen-len, --max-new-tokens <count>', 'most new tokens of each prompt', wholeNumber(1)).default(32),
    option(
      '--temperature <number>',
      'sample; 0 is greedy, the default without --top-k and --top-p, with them it is 1',
      numberWithin(0, Number.POSITIVE_INFINITY),
    ),
    option('--top-k <count>', 'sample from this many best tokens; 0, the default, for all', wholeNumber(0)),
    option(
      '--top-p <number>',
      'sample from the best tokens that reach this probability together (default 1)',
      numberWithin(0, 1),
    ),
    option('--seed <number>', 'key of sampling, random prompts and made-up weights', wholeNumber(0)).default(0),
    option('--stop <text>', 'end a sequence at this text; may be repeated', repeated),
    option('--ignore-eos', 'go on after an end-of-sequence token'),
    option('--log-probs <which>', 'log-probabilities: new for those of new tokens, all for the prompt too').choices([
      'new',
      'all',
    ]),
    option('--score', 'generate nothing: log-probabilities and perplexity of the prompts themselves'),
  ])
  addGroup(command, 'Placement:', [
    ...policyOptions,
    percentOption,
    ...batchOptions,
    ...switchOptions('overlap', 'load and store while computing; on by default, --no-overlap turns it off'),
    ...switchOptions(
      'sep-layer',
      'attention and mlp as layers of their own; on by default, --no-sep-layer turns it off',
    ),
    option('--placement <rule>', 'exact, the default, or flexgen: whole tensors as the original rounds them').choices([
      'exact',
      'flexgen',
    ]),
    ...switchOptions(
      'cpu-cache-compute',
      'attend over KV off the device on the host, where it rests; see --host-backend',
    ),
    option(
      '--attn-sparsity <share>',
      'V rows that decode reads, those of largest weight (default 1)',
      numberWithin(0, 1),
    ),
    ...switchOptions('compress-weight', 'matrices in 4 bits a value'),
    ...switchOptions('compress-cache', 'KV cache in 4 bits a value'),
    ...switchOptions('pin-weight', 'page-lock weights in RAM where that makes copies faster; on by default'),
    option(
      '--reallocate-timing <when>',
      'place anew: 0 never (the default), 1 before, 2 every token, 3 after some',
      wholeNumber(0),
    ),
    option('--reallocate-every <count>', 'tokens after which timing 3 acts at the latest (default 8)', wholeNumber(1)),
    option(
      '--budget-file <file>',
      'follow the budgets in this file, such as {"ram": "8GB"}, while the run goes on; SIGUSR2 has it read at once',
    ),
    option('--cpu-mem, --max-ram <size>', 'most RAM that the engine may allocate'),
    option('--gpu-mem, --max-device-memory <size>', 'most device memory; on a CPU backend a part of the RAM'),
    option('--disk, --max-disk <size>', 'most scratch space on disk'),
    option('--offload-dir <folder>', 'where scratch files go (default ~/.cache/flexgen/offload)'),
    option('--direct-io', 'read around the page cache of the system'),
  ])
  addGroup(command, 'Machine:', [
    backendOption('--backend <name>', 'what computes; auto is the first that works').default('auto'),
    backendOption('--host-backend <name>', 'what attends on the host with --cpu-cache-compute'),
    option('--api <api>', "ONNX Runtime's API; auto is the default").choices(['auto', 'c', 'js']),
    option('--threads <count>', 'threads that compute', wholeNumber(1)),
    option('--dtype <dtype>', 'dtype of computation and KV cache').choices(['float32', 'float16', 'bfloat16']),
  ])
  addGroup(command, 'Reporting:', [
    option(
      '--debug-mode <mode>',
      'breakdown: run every step alone and report the time of each task; fewer_batch is for bench',
    ).choices(['breakdown', 'fewer_batch']),
    ...benchFlags().map((each) => each.hideHelp()),
    option('--trace <file>', 'write a Chrome trace; open it in ui.perfetto.dev'),
    option('--verbose <level>', '0 errors, 1 summary, 2 plan, 3 stacks of errors', verbosity).default(1),
    option('--quiet', 'the same as --verbose 0'),
  ])
}

/** Flags of FlexGen that measure: they are known here, so that what they belong to can be said. */
function benchFlags(): Option[] {
  return [
    option('--cut-gen-len <count>', 'run only so many tokens and project the rest', wholeNumber(1)),
    option('--log-file <file>', "FlexGen's log"),
    option('--no-log', 'no log'),
  ]
}

function verbosity(text: string): number {
  return Math.min(3, wholeNumber(0)(text))
}
