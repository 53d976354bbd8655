import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, startCli, temporaryFolder, waitUntil } from './cli-process.ts'

const folder = temporaryFolder()
const inFolder = (...parts: string[]): string => path.join(folder, ...parts)

const ids = async (...flags: string[]): Promise<unknown> => {
  const prompt = ['--prompt', 'My fellow citizens', '--gen-len', '12', '--backend', 'reference', '--json']
  const { code, stdout } = await runCli(['generate', ...prompt, ...flags])
  expect(code).toBe(0)
  const { outputs } = JSON.parse(stdout) as { outputs: { ids: number[] }[] }
  return outputs[0]!.ids
}

describe('convert', () => {
  it('stores a model that generate takes as it is, compressed', async () => {
    const output = inFolder('demo4')
    const { code, stdout, stderr } = await runCli(['convert', '--output', output, '--json'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/38 of 100 tensors in 4 bits, 12\.1 MB to 3\.45 MB in /)
    expect(JSON.parse(stdout)).toMatchObject({
      model: 'demo',
      output,
      form: 'flexgen',
      tensors: 100,
      compressedTensors: 38,
      originalBytes: expect.any(Number),
      sizeBytes: expect.any(Number),
      seconds: expect.any(Number),
    })
    expect(await ids('--model', output, '--percent', '0', '0', '100', '0', '100', '0')).toEqual(
      await ids('--compress-weight'),
    )
  })

  it('replaces a conversion with --force, and nothing else', async () => {
    const output = inFolder('again')
    const run = (...flags: string[]) => runCli(['convert', '--output', output, '--quiet', ...flags])
    expect((await run('--form', 'inputs')).code).toBe(0)
    const refused = await run()
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(/^flexgen: USAGE: --output [^\n]* is there already\nhint: give --force/)
    expect(await run('--force')).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(JSON.parse(readFileSync(path.join(output, 'config.json'), 'utf8'))).toMatchObject({
      quantization_config: { form: 'flexgen' },
    })
    mkdirSync(inFolder('mine'))
    writeFileSync(inFolder('mine', 'thesis.txt'), '')
    expect((await runCli(['convert', '--output', inFolder('mine'), '--force'])).code).toBe(2)
    expect(readdirSync(inFolder('mine'))).toEqual(['thesis.txt'])
  })

  it('stopped by SIGINT ends with 130 and leaves nothing', async () => {
    const place = inFolder('stopped')
    const args = ['convert', '--model', 'opt-1.3b', '--path', '_DUMMY_', '--output', path.join(place, 'out')]
    const { child, ended } = startCli(args)
    expect(await waitUntil(() => partsOf(place).some((name) => name.startsWith('.out.partial')))).toBe(true)
    child.kill('SIGINT')
    const { code, stderr } = await ended
    expect(code).toBe(130)
    expect(stderr).toContain('flexgen: ABORTED: ')
    expect(partsOf(place)).toEqual([])
  })

  it('needs an output', async () => {
    const { code, stderr } = await runCli(['convert'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^flexgen: USAGE: convert needs --output\n/)
  })
})

function partsOf(place: string): string[] {
  try {
    return readdirSync(place)
  } catch {
    return []
  }
}
