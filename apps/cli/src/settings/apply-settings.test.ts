import { Command, Option } from 'commander'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { applySettings } from './apply-settings.ts'
import { boolean, percents, repeated, wholeNumber } from './option-parsers.ts'

let folder = ''
beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), 'flexgen-settings-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Parses flags, then applies variables and a config file; returns the options. */
function settle(flags: string[], env: Record<string, string> = {}, config?: unknown): Record<string, unknown> {
  const program = new Command().exitOverride().configureOutput({ outputError: () => undefined })
  const command = program
    .command('generate')
    .option('--backend <name>', 'x', 'auto')
    .option('--max-ram <size>')
    .option('--threads <count>', 'x', wholeNumber(1))
    .option('--prompt <text>', 'x', repeated)
    .option('--percent <numbers...>', 'x', percents)
    .addOption(new Option('--overlap [boolean]').preset('true').argParser(boolean))
    .option('--no-overlap')
    .addOption(new Option('--api <api>').choices(['c', 'js']))
    .option('--json')
    .action(() => undefined)
  program.command('other').option('--elsewhere <x>')
  if (config !== undefined) {
    const text = typeof config === 'string' ? config : JSON.stringify(config)
    writeFileSync(path.join(folder, 'flexgen.config.json'), text)
  }
  program.parse(['generate', ...flags], { from: 'user' })
  applySettings(command, { folder, env })
  return command.opts()
}

describe('settings', () => {
  it('flags go over variables, these over the config file, this over defaults', () => {
    const config = { backend: 'config', maxRam: '1GB', threads: 1 }
    const env = { FLEXGEN_BACKEND: 'env', FLEXGEN_MAX_RAM: '2GB' }
    expect(settle([])).toMatchObject({ backend: 'auto' })
    expect(settle([], {}, config)).toMatchObject({ backend: 'config', maxRam: '1GB', threads: 1 })
    expect(settle([], env, config)).toMatchObject({ backend: 'env', maxRam: '2GB', threads: 1 })
    expect(settle(['--backend', 'flag'], env, config)).toMatchObject({ backend: 'flag', maxRam: '2GB', threads: 1 })
  })

  it('takes values in every form', () => {
    const percent = [20, 80, 0, 100, 0, 100]
    expect(settle([], { FLEXGEN_PERCENT: '20 80 0 100 0 100' })).toMatchObject({ percent })
    expect(settle([], {}, { percent })).toMatchObject({ percent })
    expect(settle(['--percent', ...percent.map(String)], {}, { percent: [1, 2] })).toMatchObject({ percent })
    expect(settle([], {}, { json: true, overlap: false })).toMatchObject({ json: true, overlap: false })
    expect(settle([], { FLEXGEN_JSON: '0', FLEXGEN_OVERLAP: 'False' })).toMatchObject({ json: false, overlap: false })
    expect(settle([], {}, { prompt: 'a' })).toMatchObject({ prompt: ['a'] })
    expect(settle(['--prompt', 'x', '--prompt', 'y'], {}, { prompt: ['a', 'b'] })).toMatchObject({ prompt: ['x', 'y'] })
  })

  it.each([
    [['--overlap'], true],
    [['--no-overlap'], false],
    [['--overlap', 'false'], false],
    [['--overlap', '0'], false],
    [['--overlap', '1'], true],
    [[], undefined],
  ])('%j is overlap %s', (flags, overlap) => expect(settle(flags)['overlap']).toBe(overlap))

  it('a flag of false goes over a variable of true', () => {
    expect(settle(['--no-overlap'], { FLEXGEN_OVERLAP: 'true' })).toMatchObject({ overlap: false })
  })

  it('leaves empty variables, and those of tests and other programs, alone', () => {
    const env = { FLEXGEN_BACKEND: '', FLEXGEN_TEST_REPORT: 'x', FLEXGEN_NATIVE_LEVEL: 'avx2', OTHER: 'y' }
    expect(settle([], env)).toMatchObject({ backend: 'auto' })
  })

  it('a config file may hold settings of other commands', () => {
    expect(settle([], {}, { elsewhere: 'x' })).not.toHaveProperty('elsewhere')
  })

  it.each<[string, Record<string, string>, unknown, string]>([
    ['an unknown key', {}, { maxRAM: '1GB' }, "no setting 'maxRAM'"],
    ['an unknown variable', { FLEXGEN_MAXRAM: '1GB' }, undefined, 'FLEXGEN_MAXRAM'],
    ['an unknown variable of the host kernels', { FLEXGEN_NATIVE_LEVELS: 'x' }, undefined, 'FLEXGEN_NATIVE_LEVELS'],
    ['a bad value in the file', {}, { threads: 0 }, 'flexgen.config.json: threads: It must be a whole number'],
    ['a bad value in a variable', { FLEXGEN_THREADS: 'two' }, undefined, 'FLEXGEN_THREADS: It must be'],
    ['a bad choice', { FLEXGEN_API: 'd' }, undefined, 'FLEXGEN_API: Allowed choices are c, js'],
    ['a list for one value', {}, { threads: [1, 2] }, 'one value'],
    ['an object', {}, { backend: { name: 'x' } }, 'must be a text'],
    ['null', {}, { backend: null }, 'must be a text'],
    ['a list instead of an object', {}, [], 'not a JSON object'],
    ['bad JSON', {}, '{', 'is not JSON'],
  ])('refuses %s', (_, env, config, message) => {
    expect(() => settle([], env, config)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(message) }),
    )
  })
})
