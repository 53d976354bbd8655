import { Command, Option } from 'commander'
import { expect, it } from 'vitest'
import { helpFormat } from './help-format.ts'

it('lists one name of an option, and alias, choices and default behind its description', () => {
  const command = new Command('x')
    .configureHelp(helpFormat)
    .option('--gen-len, --max-new-tokens <count>', 'limit', '32')
    .addOption(new Option('--overlap [boolean]', 'overlap').preset('true'))
    .addOption(new Option('--api <api>', 'interface').choices(['c', 'js']).default('c'))
    .addOption(new Option('--model <model>', 'which').default('demo', 'the demo model'))
  const lines = command.helpInformation().split('\n')
  expect(lines.filter((line) => line.includes('--')).map((line) => line.trim())).toEqual([
    '--max-new-tokens <count>  limit (also --gen-len; default 32)',
    '--overlap [boolean]       overlap',
    '--api <api>               interface (one of c, js; default c)',
    '--model <model>           which (default the demo model)',
    '-h, --help                display help for command',
  ])
})
