import type { Command } from 'commander'

/** The flags of FlexGen (flexgen.flex_opt): any beginning of one that fits no other is taken for it, as there. */
export const flexgenFlags: readonly string[] = [
  '--model',
  '--path',
  '--offload-dir',
  '--prompt-len',
  '--gen-len',
  '--cut-gen-len',
  '--debug-mode',
  '--gpu-batch-size',
  '--num-gpu-batches',
  '--percent',
  '--sep-layer',
  '--pin-weight',
  '--cpu-cache-compute',
  '--attn-sparsity',
  '--compress-weight',
  '--compress-cache',
  '--log-file',
  '--no-log',
  '--verbose',
  '--overlap',
]

/**
 * Writes out the abbreviations of FlexGen's flags, such as `--debug` and `--cpu` in its benchmark suites. Our own flags
 * are never abbreviated, so that a slip of the pen does not become another flag.
 * @param args the command and what follows it
 */
export function expandAbbreviations(args: readonly string[], program: Command): string[] {
  const command = program.commands.find((each) => each.name() === args[0])
  if (command === undefined) return [...args]
  let isValue = false
  let isPast = false
  return args.map((arg) => {
    isPast ||= arg === '--'
    if (isPast || isValue || !arg.startsWith('--')) {
      isValue = false
      return arg
    }
    const [name = ''] = arg.split('=', 1)
    const option = command.options.find((each) => each.long === name || each.short === name)
    if (option !== undefined) {
      isValue = option.required && name === arg
      return arg
    }
    const known = flexgenFlags.filter((flag) =>
      command.options.some((each) => each.long === flag || each.short === flag),
    )
    const [full, ...others] = known.filter((flag) => flag.startsWith(name))
    if (full === undefined || others.length > 0) return arg
    isValue = name === arg && command.options.some((each) => each.long === full && each.required)
    return full + arg.slice(name.length)
  })
}
