import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../test/support/refusal-of.ts'
import { checkFlagRules, type FlagRules } from './flag-rules.ts'
import { option, switchOptions } from './options.ts'

const bench = ['bench', '--model', 'opt-175b', '--path', '_DUMMY_']

describe('other commands refuse with USAGE', () => {
  it.each<[args: readonly string[], names: readonly string[]]>([
    [
      [...bench, '--log-file', 'x', '--no-log'],
      ['--log-file', '--no-log'],
    ],
    [
      [...bench, '--debug-mode', 'breakdown', '--overlap'],
      ['--debug-mode', '--overlap'],
    ],
    [
      [...bench, '--quiet', '--verbose', '1'],
      ['--quiet', '--verbose'],
    ],
    [
      [...bench, '--cut-gen-len', '40'],
      ['--cut-gen-len', '--gen-len'],
    ],
    [
      [...bench, '--cut-gen-len', '5', '--debug', 'fewer_batch'],
      ['--cut-gen-len', '--debug-mode fewer_batch'],
    ],
    [
      [...bench, '--debug', 'fewer_batch', '--gen-len', '1'],
      ['--debug-mode fewer_batch', '--gen-len'],
    ],
    [
      [...bench, '--attn-sparsity', '2'],
      ['--attn-sparsity', '0 to 1'],
    ],
    [
      ['convert', '--output', 'x', '--quiet', '--verbose', '3'],
      ['--quiet', '--verbose'],
    ],
    [['convert'], ['--output']],
    [
      ['convert', '--output', 'x', '--form', 'y'],
      ['--form', 'flexgen, inputs'],
    ],
    [
      ['convert', '--output', '/proc/self/none', '--max-file', '3 apples'],
      ['maxFile', '3 apples'],
    ],
  ])('%j', async (args, names) => {
    const refusal = await refusalOf(args)
    expect(refusal).toMatchObject({ code: 'USAGE', exitCode: 2 })
    for (const name of names) expect(refusal.message).toContain(name)
  })
})

describe('rules of flags', () => {
  const rules: FlagRules = {
    excludes: [
      { flags: ['quick', 'sizeOf'], why: 'because' },
      { flags: ['sizeOf', 'level'], why: 'zero', when: (size) => size === '0' },
    ],
    needs: [{ flag: 'level', oneOf: ['quick', 'other'], why: 'so' }],
  }
  const check = (args: readonly string[], set?: (command: Command) => void): Record<string, unknown> => {
    const command = new Command('it').addOption(option('--size, --size-of <count>', '').default('7'))
    for (const each of [...switchOptions('quick', ''), option('--level <level>', '')]) command.addOption(each)
    command.parse(args, { from: 'user' })
    set?.(command)
    checkFlagRules(command, rules)
    return command.opts()
  }

  it('name a flag with its other name, and count no default and no switch that is off', () => {
    expect(() => check(['--quick', '--size', '3'])).toThrow('--quick and --size/--size-of do not go together: because')
    expect(check(['--quick'])).toEqual({ quick: true, sizeOf: '7' })
    expect(check(['--no-quick', '--size', '3'])).toEqual({ quick: false, sizeOf: '3' })
    expect(check(['--quick', 'false', '--size', '3'])).toEqual({ quick: false, sizeOf: '3' })
  })

  it('may hold for some values alone', () => {
    expect(() => check(['--size', '0', '--level', '1', '--quick', 'false'])).toThrow('--size/--size-of and --level')
    expect(check(['--level', '1', '--quick'])).toMatchObject({ level: '1' })
  })

  it('let the stronger place count', () => {
    const fromConfig = (command: Command): unknown => command.setOptionValueWithSource('quick', true, 'config')
    expect(check(['--size', '3'], fromConfig)).toEqual({ quick: undefined, sizeOf: '3' })
  })

  it('name what is needed, of what there is', () => {
    expect(() => check(['--level', '1'])).toThrow(/^--level needs --quick: so$/)
  })
})
