import { type Command, Option } from 'commander'
import type { CliContext } from '../cli-context.ts'
import type { PlanFlags } from '../plan/run-plan.ts'
import { applySettings } from '../settings/apply-settings.ts'
import { backendOption } from '../settings/backend-options.ts'
import { numberWithin, percents, wholeNumber } from '../settings/option-parsers.ts'
import { addGroup, option, switchOptions } from '../settings/options.ts'

/** `flexgen plan`: what fits, how fast it will be, what binds and what would help. */
export function addPlan(program: Command, context: CliContext): void {
  const command = program
    .command('plan')
    .description('Say what fits, how fast it will be, what binds and what would help, without running anything.')
  addGroup(command, 'Model and work:', [
    option('--model <model>', 'folder, or name of a size such as opt-30b').default('demo', 'the embedded demo model'),
    option('--path <folder>', 'folder of models'),
    option('--prompt-len <count>', 'tokens of each prompt', wholeNumber(1)).default(512),
    option('--gen-len, --max-new-tokens <count>', 'new tokens of each prompt', wholeNumber(1)).default(32),
    option('--num-prompts <count>', 'prompts of the whole job: says how many blocks, and its time', wholeNumber(1)),
  ])
  addGroup(command, 'Machine:', [
    option(
      '--hardware <profile>',
      'flexgen-t4, h100-pcie5, or a file in their form (default: this machine, as flexgen profile measures it)',
    ),
    backendOption('--backend <name>', 'what would compute; auto, the default, is the first that works'),
    option('--gpu-mem, --max-device-memory <size>', 'device memory to plan for (default: all of the profile)'),
    option('--cpu-mem, --max-ram <size>', 'RAM to plan for'),
    option('--disk, --max-disk <size>', 'disk to plan for'),
    option('--cost-model <name>', "engine: of this engine; flexgen: the original's, to its digits")
      .choices(['engine', 'flexgen'])
      .default('engine'),
    option('--alpha <share>', 'share of each capacity to plan for', numberWithin(0, 10)),
  ])
  addGroup(command, 'What is fixed:', [
    option('--percent <number...>', 'six numbers, as for generate', percents),
    option('--gpu-batch-size <count>', 'sequences that are computed together', wholeNumber(1)),
    option('--num-gpu-batches <count>', 'batches that share each loaded weight', wholeNumber(1)),
    ...switchOptions('compress-weight', 'weights of 4 bits'),
    ...switchOptions('compress-cache', 'KV cache of 4 bits'),
    option('--allow-compression', 'compress where that is faster'),
    ...switchOptions('overlap', 'load and store while computing; on by default'),
    option('--direct-io', 'read around the page cache of the system'),
    option('--dtype <dtype>', 'dtype of computation and KV cache').choices(['float32', 'float16', 'bfloat16']),
    option('--offload-dir <folder>', 'where scratch files would go (default ~/.cache/flexgen/offload)'),
    new Option('--no-history', 'do not correct the prediction by past runs'),
  ])
  addGroup(command, 'Output:', [
    option('--json', 'print one JSON object'),
    option('--save <file>', 'write the policy to a file'),
    option('--verbose <level>', '3 shows stacks of errors', wholeNumber(0)).default(1),
  ])
  command.addHelpText('after', examples)
  command.action(async () => {
    applySettings(command, { folder: process.cwd(), env: process.env })
    const flags = command.opts<PlanFlags>()
    context.showStack = flags.verbose >= 3
    const { runPlan } = await import('../plan/run-plan.ts')
    await runPlan(flags, context)
  })
}

const examples = `
The exit code is 3 where nothing fits; then it says which capacity lacks how much,
and what would fit.

Examples:
  A model on this machine, which is measured first where it was not:
    flexgen plan --model facebook/opt-6.7b --prompt-len 512 --gen-len 32
  FlexGen's own example, by its own cost model:
    flexgen plan --model facebook/opt-30b --prompt-len 512 --gen-len 32 \\
      --hardware flexgen-t4 --cost-model flexgen --gpu-mem 16GiB \\
      --cpu-mem 200GiB --disk 1500GiB
  A job of a thousand prompts, with the policy kept for the run:
    flexgen plan --model opt-6.7b --num-prompts 1000 --hardware flexgen-t4 \\
      --save policy.json`
