import { type Command, Option } from 'commander'
import { backendOption } from '../settings/backend-options.ts'
import { numberWithin, repeated, wholeNumber } from '../settings/option-parsers.ts'
import { addGroup, option, switchOptions } from '../settings/options.ts'
import { batchOptions, percentOption, policyOptions } from '../settings/policy-options.ts'

/** The flags of `bench`: FlexGen's by their names and with its defaults, and ours. */
export function addBenchOptions(command: Command): void {
  addGroup(command, 'What to measure:', [
    option(
      '--suite <name>',
      'a named list of cases: small, 1.3b, 6.7b, 30b, 175b, the last three also -4bit, reallocate-30b, replacement, cuda; or quality, kernels',
    ),
    option('--only <text>', 'cases of the suite with this text in their title; several between |'),
    option(
      '--command <text>',
      'a case as a command of FlexGen or ours, over the flags given here; may be repeated',
      repeated,
    ),
    option(
      '--against <command>',
      "a foreign command that prints FlexGen's log or a line of JSON with prefill_s, decode_s and decode_tok_s; may be repeated",
      repeated,
    ),
    option('--compare <program>', 'run the original beside ours, with the same shapes and made-up weights').choices([
      'flexllmgen',
    ]),
    option('--flexllmgen <folder>', 'its checkout, for --compare'),
    option(
      '--flexllmgen-weights <values>',
      'its made-up weights: normal, the default, as ours; or ones, as it makes them itself, which a GPU multiplies faster',
    ).choices(['normal', 'ones']),
    option('--python <program>', 'Python with PyTorch that runs it (default python3)'),
  ])
  addGroup(command, 'Measuring:', [
    option('--repeat <count>', 'measured runs of each side, in turn (default 3)', wholeNumber(1)),
    option('--warm-up <count>', 'whole runs of each side before that (default 1)', wholeNumber(0)),
    option(
      '--warm-up-tokens <count>',
      'tokens that each process generates before it measures (default 1, with --against 0)',
      wholeNumber(0),
    ),
    option(
      '--time-limit <seconds>',
      'begin no run that would not end by then, stop what does not; --resume goes on',
      wholeNumber(1),
    ),
    option('--output-dir <folder>', 'where results and reports go (default flexgen-bench/NAME-TIME)'),
    option('--resume', 'go on with the results in --output-dir'),
    option('--title <text>', 'title of the report'),
    option('--json', 'print the report as one JSON object'),
    option('--trace <file>', 'write a Chrome trace of the first measured run; open it in ui.perfetto.dev'),
    option('--log-file <file>', "FlexGen's log is appended to it; auto, the default, is a file for each case"),
    new Option('--no-log', 'no log'),
    option('--verbose <level>', '0 errors, 1 progress, 3 stacks of errors', wholeNumber(0)).default(1),
    option('--quiet', 'the same as --verbose 0'),
  ])
  addGroup(command, 'Model and prompts:', [
    option('--model <model>', 'folder or name (default facebook/opt-6.7b)'),
    option('--path <folder>', 'folder of models; _DUMMY_ for made-up weights (default ~/opt_weights)'),
    option('--num-prompts <count>', 'prompts of random ids (default one block)', wholeNumber(1)),
    option('--prompt-len <count>', 'ids of each prompt (default 512)', wholeNumber(1)),
    option('--gen-len, --max-new-tokens <count>', 'new tokens of each prompt (default 32)', wholeNumber(1)),
    option('--seed <number>', 'key of prompts and made-up weights (default 0)', wholeNumber(0)),
    option('--cut-gen-len <count>', 'run only so many tokens and project the rest', wholeNumber(1)),
    option('--debug-mode <mode>', 'run a part and project the rest, or run without overlap').choices([
      'fewer_batch',
      'breakdown',
    ]),
  ])
  addGroup(command, 'Placement:', [
    ...policyOptions,
    percentOption,
    option('--placement <rule>', 'exact, the default, or flexgen: whole tensors as the original rounds them').choices([
      'exact',
      'flexgen',
    ]),
    ...batchOptions,
    ...switchOptions('overlap', 'load and store while computing; on by default'),
    ...switchOptions('sep-layer', 'attention and mlp as layers of their own; on by default'),
    ...switchOptions('pin-weight', 'page-lock weights in RAM; on by default, without effect on a CPU backend'),
    ...switchOptions('cpu-cache-compute', 'attend over KV off the device on the host, where it rests'),
    option('--attn-sparsity <share>', 'share of the V rows that are read (default 1)', numberWithin(0, 1)),
    ...switchOptions('compress-weight', 'weights in 4 bits'),
    ...switchOptions('compress-cache', 'KV cache in 4 bits'),
    option(
      '--reallocate-timing <when>',
      'place anew: 0 never (the default), 1 before, 2 every token, 3 after some',
      wholeNumber(0),
    ),
    ...switchOptions('include-reallocate-punish', 'count the time of placing anew as part of the run'),
    option('--reallocate-every <count>', 'tokens after which timing 3 acts at the latest (default 8)', wholeNumber(1)),
    ...switchOptions('refill', 'waiting prompts take the places of sequences that have ended; on by default'),
    option('--reallocator <rule>', 'measured, the default; random-copy, as the fork did; or none').choices([
      'measured',
      'random-copy',
      'none',
    ]),
    option('--cpu-mem, --max-ram <size>', 'most RAM that the engine may allocate (default what is free)'),
    option('--gpu-mem, --max-device-memory <size>', 'most device memory; on a CPU backend a part of the RAM'),
    option('--disk, --max-disk <size>', 'most scratch space on disk'),
    option('--offload-dir <folder>', 'where scratch files go (default ~/.cache/flexgen/offload)'),
    option('--direct-io', 'read around the page cache of the system'),
    option('--throttle-disk <bandwidth>', 'slow the disk down to this, such as 500MB/s; the report says so'),
  ])
  addGroup(command, 'Simulation:', [
    option(
      '--simulate <profile>',
      'run on a simulated machine, in seconds: flexgen-t4, h100-pcie5, or a hardware profile in a file',
    ),
    option(
      '--scenario <file>',
      'what happens: noise, changes of speeds and budgets, lengths; a name or a file. On a real machine budgets only',
    ),
  ])
  addGroup(command, 'Machine:', [
    backendOption('--backend <name>', 'what computes; auto, the default, is the first that works'),
    backendOption('--host-backend <name>', 'what attends on the host with --cpu-cache-compute'),
    option('--api <api>', "ONNX Runtime's API; auto is the default").choices(['auto', 'c', 'js']),
    option('--threads <count>', 'threads that compute', wholeNumber(1)),
    option('--dtype <dtype>', 'dtype of computation and KV cache').choices(['float32', 'float16', 'bfloat16']),
  ])
}
