/** What to try after the demo: what it shows, and a command's arguments in groups that belong on one line. */
const steps: readonly (readonly [what: string, args: readonly string[]])[] = [
  ['your own words', ['generate', '--prompt "We the people"', '--temperature 0.6']],
  [
    'a model as large as OPT-125m, with made-up weights, all on disk',
    ['generate', '--model opt-125m', '--path _DUMMY_', '--num-prompts 1', '--gen-len 2', '--percent 0 0 0 100 0 100'],
  ],
  ['your own OPT checkpoint', ['generate', '--model path/to/opt-1.3b', '--prompt "Paris is"']],
  ['what works on this machine', ['doctor']],
]
const width = 76

/** Lines of the next steps, each command as it can be typed where the demo was started. */
export function describeNextSteps(env: Readonly<Record<string, string | undefined>>): string[] {
  // `npm start` and `npm run flexgen` run from a checkout, where the command is not installed.
  const isCheckout = ['start', 'flexgen'].includes(env['npm_lifecycle_event'] ?? '')
  const command = isCheckout ? 'npm run -s flexgen --' : 'flexgen'
  return steps.flatMap(([what, args]) => [`  ${what}:`, ...wrapCommand([command, ...args])])
}

/** A command on lines of at most 80 columns, which a shell reads as one. */
function wrapCommand(words: readonly string[]): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words) {
    if (line !== '' && line.length + word.length + 1 > width - 4) {
      lines.push(`    ${line} \\`)
      line = `  ${word}`
    } else line += line === '' ? word : ` ${word}`
  }
  return [...lines, `    ${line}`]
}
