import { Argument, Command, Option } from 'commander'
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { completionScript } from './completion-script.ts'

function makeProgram(): Command {
  const program = new Command('flexgen')
  program
    .command('generate')
    .description("Generate text; don't stop [ever]: go.")
    .option('--model <folder>', 'folder; or name')
    .option('--input <file>', 'lines')
    .option('--gen-len, --max-new-tokens <count>', 'limit')
    .option('--json', "it's JSON")
    .option('--overlap [boolean]', 'overlap')
    .addOption(new Option('--api <api>').choices(['c', 'js']))
  program.command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
  return program
}

const has = (shell: string): boolean => spawnSync(shell, ['--version']).error === undefined

/** What bash offers after the given words. */
function offers(...words: string[]): string[] {
  const script = `${completionScript('bash', makeProgram())}
COMP_WORDS=(flexgen ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
compopt() { :; }
_flexgen; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return stdout.split('\n').filter((line) => line !== '')
}

describe('completion scripts', () => {
  it.each(['bash', 'zsh', 'fish'] as const)('%s takes the script', (shell) => {
    const script = completionScript(shell, makeProgram())
    for (const word of ['generate', 'completion', 'max-new-tokens', 'gen-len', 'js']) expect(script).toContain(word)
    if (!has(shell)) return
    const { stderr, status } = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' })
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  })

  it.runIf(has('bash'))('bash offers commands, options, choices and files', () => {
    expect(offers('')).toEqual(['generate', 'completion', '--help', '--version'])
    expect(offers('gen')).toEqual(['generate'])
    expect(offers('generate', '--m')).toEqual(['--model', '--max-new-tokens'])
    expect(offers('generate', '--api', '')).toEqual(['c', 'js'])
    expect(offers('generate', '--overlap', 't')).toEqual(['true'])
    expect(offers('generate', '--gen-len', '')).toEqual([])
    expect(offers('generate', '--model', '/us')).toContain('/usr')
    expect(offers('generate', '--input', '/etc/host')).toContain('/etc/hosts')
    expect(offers('completion', 'b')).toEqual(['bash'])
    expect(offers('unknown', '')).toEqual([])
  })

  it('quotes what shells would read otherwise', () => {
    expect(completionScript('fish', makeProgram())).toContain(String.raw`-d 'it\'s JSON'`)
    expect(completionScript('zsh', makeProgram())).toContain(String.raw`'*--json[it'\''s JSON]'`)
  })
})
