import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, temporaryFolder } from './cli-process.ts'

const folder = temporaryFolder()
const onDisk = ['--percent', '0', '0', '100', '0', '100', '0']

describe('flags of bench that do not go together', () => {
  it.each([
    [['--debug-mode', 'breakdown', '--overlap'], '--debug-mode', '--overlap'],
    [['--debug-mode', 'fewer_batch', '--cut-gen-len', '5'], '--debug-mode fewer_batch', '--cut-gen-len'],
    [['--host-backend', 'native', ...onDisk], '--host-backend', '--cpu-cache-compute'],
    [['--throttle-disk', '1GB/s', '--percent', '100', '0', '100', '0', '100', '0'], '--throttle-disk', '--percent'],
    [['--policy', 'p.json', ...onDisk], '--policy', '--percent'],
    [['--include-reallocate-punish', ...onDisk], '--include-reallocate-punish', '--reallocate-timing'],
    [['--log-file', 'x.log', '--no-log'], '--log-file', '--no-log'],
    [['--resume'], '--resume', '--output-dir'],
    [['--only', 'x'], '--only', '--suite'],
    [['--flexllmgen-weights', 'ones'], '--flexllmgen-weights', '--compare'],
    [
      ['--compare', 'flexllmgen', '--flexllmgen', '.', '--flexllmgen-weights', 'zeros'],
      '--flexllmgen-weights',
      'normal, ones',
    ],
    [['--suite', 'quality', '--compress-weight'], '--suite quality', '--compress-weight'],
    [['--suite', 'quality', '--repeat', '2'], '--suite quality', '--repeat'],
  ])('%j: one error that names both', async (args, first, second) => {
    const { code, stdout, stderr } = await runCli(['bench', '--model', 'demo', ...args], { cwd: folder })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    const [line = ''] = stderr.split('\n')
    expect(line).toMatch(/^flexgen: USAGE: /)
    expect(line).toContain(first)
    expect(line).toContain(second)
    expect(existsSync(path.join(folder, 'flexgen-bench'))).toBe(false)
  })
})

describe('bench', () => {
  it('measures a breakdown on a slower disk with a trace', async () => {
    const [trace, output] = [path.join(folder, 'trace.json'), path.join(folder, 'out')]
    const sizes = ['--gpu-batch-size', '2', '--prompt-len', '8', '--gen-len', '3', '--repeat', '1', '--warm-up', '0']
    const extra = ['--debug-mode', 'breakdown', '--throttle-disk', '1GB/s', '--backend', 'reference', '--trace', trace]
    const args = ['bench', '--model', 'demo', ...onDisk, ...sizes, ...extra, '--output-dir', output]
    const { code, stdout } = await runCli(args, { cwd: folder })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^compute attention .* %$/m)
    expect(stdout).toMatch(/^accounted for +\d+\.\d+ +\d+\.\d %$/m)
    const { traceEvents } = JSON.parse(readFileSync(trace, 'utf8')) as { traceEvents: unknown[] }
    expect(traceEvents.length).toBeGreaterThan(20)
    expect(readFileSync(path.join(output, 'report.html'), 'utf8')).toContain('Where the time of decode went')
  })

  it('tells the quality of text', async () => {
    const output = path.join(folder, 'quality')
    const few = ['--backend', 'reference', '--num-prompts', '1', '--prompt-len', '8', '--only', '4-bit KV']
    const args = ['bench', '--suite', 'quality', ...few, '--output-dir', output, '--json', '--quiet']
    const { code, stdout, stderr } = await runCli(args, { cwd: folder })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const report = JSON.parse(stdout) as { rows: { key: string; perplexity?: number }[] }
    expect(report).toEqual(JSON.parse(readFileSync(path.join(output, 'report.json'), 'utf8')))
    expect(report.rows.map(({ key, perplexity }) => [key, perplexity! > 1])).toEqual([
      ['fp32', true],
      ['kv4', true],
    ])
  })
})
