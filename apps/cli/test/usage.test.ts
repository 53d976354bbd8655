import { describe, expect, it } from 'vitest'
import { runCli } from './cli-process.ts'

describe('help', () => {
  it.each([['generate'], ['demo'], ['convert'], ['doctor'], ['completion']])('of %s has examples', async (command) => {
    const { code, stdout, stderr } = await runCli([command, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^Usage: flexgen ${command}`))
    expect(stdout).toMatch(/\nExamples:\n {2}[^\n]/)
    expect(stdout).toContain(`flexgen ${command}`)
    const tooLong = stdout.split('\n').filter((line) => line.length > 80)
    expect(tooLong).toEqual([])
  })

  it('of the program lists all commands, on stderr and with 2 where none is given', async () => {
    const [asked, bare] = await Promise.all([runCli(['--help']), runCli([])])
    expect(asked).toMatchObject({ code: 0, stderr: '' })
    for (const word of ['generate', 'demo', 'doctor', 'completion', 'Examples:', 'FLEXGEN_']) {
      expect(asked.stdout).toContain(word)
    }
    expect(bare).toEqual({ code: 2, stdout: '', stderr: asked.stdout })
  })

  it('has a version', async () => {
    const { code, stdout } = await runCli(['--version'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('wrong usage', () => {
  it.each([
    [['generate', '--promt', 'x'], "unknown option '--promt'", 'did you mean --prompt?'],
    [['generat'], "unknown command 'generat'", 'did you mean generate?'],
    [['generate', 'x'], 'too many arguments', 'see --help'],
    [['generate'], 'there is no prompt', '--prompt'],
    [['generate', '--prompt', 'x', '--max-new-tokens', '0'], 'whole number of 1 or above', 'see --help'],
    [['generate', '--prompt', 'x', '--percent', '1', '2'], 'six numbers, got 2', 'device and RAM share'],
    [['generate', '--prompt', 'x', '--percent', '60', '60', '0', '0', '0', '0'], '60 + 60 = 120', 'see --help'],
    [['generate', '--prompt', 'x', '--percent', '101', '0', '0', '0', '0', '0'], 'from 0 to 100', 'see --help'],
    [['generate', '--prompt', 'x', '--max-ram', '3XB'], "--max-ram: '3XB' is not a size", '900MB'],
    [['generate', '--prompt', 'x', '--top-p', '0'], 'top-p', 'see --help'],
    [['generate', '--prompt', 'x', '--stop', ''], 'a stop text is empty', 'see --help'],
    [['generate', '--prompt', 'x', '--backend', 'gpu'], "no backend 'gpu'", 'reference'],
    [['generate', '--prompt', 'x', '--backend', 'reference', '--dtype', 'float16'], 'cannot compute', 'float32'],
    [['completion', 'tcsh'], "'tcsh' is invalid", 'see --help'],
  ])('%j is refused with 2', async (args, message, hint) => {
    const { code, stdout, stderr } = await runCli(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    const [what = '', help = '', ...more] = stderr.split('\n')
    expect(what).toMatch(/^flexgen: USAGE: /)
    expect(what).toContain(message)
    expect(help).toMatch(/^hint: /)
    expect(help).toContain(hint)
    expect(more).toEqual([''])
  })
})
