import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CliRun, runCli, scratchFolders, startCli, temporaryFolder, waitUntil } from './cli-process.ts'

const folder = temporaryFolder()
const inFolder = (...parts: string[]): string => path.join(folder, ...parts)

// The first sequence ends at once, the second would take most of a minute with its data on disk.
writeFileSync(
  inFolder('in.jsonl'),
  '{"prompt":"My fellow citizens","maxNewTokens":2}\n{"prompt":"The state","maxNewTokens":900}\n',
)
const spread = ['--percent', '0', '0', '0', '50', '0', '0'] as const

/** Starts a long run that writes to scratch and has delivered its first result. */
async function startLongRun(name: string, ...flags: readonly string[]): Promise<CliRun> {
  const args = ['generate', '--input', inFolder('in.jsonl'), '--ignore-eos', ...spread]
  const run = startCli([...args, '--offload-dir', inFolder(name), '--output', inFolder(`${name}.jsonl`), ...flags])
  expect(await waitUntil(() => results(name).length > 0 && scratchFolders(inFolder(name)).length > 0)).toBe(true)
  return run
}

function results(name: string): string[] {
  try {
    return readFileSync(inFolder(`${name}.jsonl`), 'utf8')
      .split('\n')
      .filter(Boolean)
  } catch {
    return []
  }
}

describe('a run that is stopped', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s ends with %i, keeps what was finished and leaves no scratch file', async (signal, code) => {
    const run = await startLongRun(signal, '--json')
    run.child.kill(signal)
    const { code: ended, stdout, stderr } = await run.ended
    expect(ended).toBe(code)
    expect(stderr).toMatch(/stopping; once more to exit at once\n[^]*1 of 2 outputs delivered\nflexgen: ABORTED: /)
    expect(scratchFolders(inFolder(signal))).toEqual([])
    expect(results(signal)).toHaveLength(1)
    const { outputs, report } = JSON.parse(stdout) as { outputs: unknown[]; report: { newTokens: number } }
    expect(outputs.map((output, index) => ({ index, ...(output as object) }))).toEqual(
      results(signal).map((line) => JSON.parse(line) as unknown),
    )
    expect(report.newTokens).toBeLessThan(902)
  })

  it('by kill -9 leaves its scratch file, which the next run removes, and not that of a run that lives', async () => {
    const lives = await startLongRun('shared')
    const living = scratchFolders(inFolder('shared'))
    const dies = startCli(['generate', '--input', inFolder('in.jsonl'), ...spread, '--offload-dir', inFolder('shared')])
    // Its scratch file is there, so that the note of its owner is, too.
    const isWriting = (name: string): boolean => existsSync(inFolder('shared', name, 'offload.bin'))
    const twoWrite = (): boolean => scratchFolders(inFolder('shared')).filter(isWriting).length === 2
    expect(await waitUntil(twoWrite)).toBe(true)
    dies.child.kill('SIGKILL')
    expect((await dies.ended).code).toBe(-1)
    expect(scratchFolders(inFolder('shared'))).toHaveLength(2)

    const next = ['--prompt', 'My', '--gen-len', '2', ...spread, '--offload-dir', inFolder('shared')]
    expect((await runCli(['generate', ...next])).code).toBe(0)
    expect(scratchFolders(inFolder('shared'))).toEqual(living)
    lives.child.kill('SIGTERM')
    expect((await lives.ended).code).toBe(143)
    expect(scratchFolders(inFolder('shared'))).toEqual([])
  })

  it('by a signal that arrives twice, as from a terminal and from npm, is stopped as by one', async () => {
    const run = await startLongRun('twice')
    // Signals that wait for a process together come in no order, so the others are sent once it has heard of the first.
    const isHeard = new Promise<void>((resolve) => {
      run.child.stderr.on('data', (text: string) => text.includes('stopping') && resolve())
    })
    run.child.kill('SIGHUP')
    await isHeard
    run.child.kill('SIGHUP')
    run.child.kill('SIGTERM')
    expect((await run.ended).code).toBe(129)
    expect(scratchFolders(inFolder('twice'))).toEqual([])
  })

  it('while it waits for prompts ends as well', async () => {
    const run = startCli(['generate', '--input', '-'], { input: { open: true } })
    // More than a pipe holds: once it is gone, the run reads. Empty lines are no prompts.
    await new Promise((resolve) => run.child.stdin.write('\n'.repeat(4_000_000), resolve))
    run.child.kill('SIGINT')
    const { code, stderr } = await run.ended
    expect(code).toBe(130)
    expect(stderr).toMatch(/flexgen: ABORTED: reading standard input was stopped\nhint: [^\n]+\n$/)
  })

  it('while it loads ends as well', async () => {
    const args = [
      '--model',
      'opt-1.3b',
      '--path',
      '_DUMMY_',
      '--num-prompts',
      '1',
      '--percent',
      '0',
      '100',
      '0',
      '0',
      '0',
      '0',
    ]
    const run = startCli(['generate', ...args, '--offload-dir', inFolder('loading')])
    expect(await waitUntil(() => scratchFolders(inFolder('loading')).length > 0)).toBe(true)
    run.child.kill('SIGINT')
    expect((await run.ended).code).toBe(130)
    expect(scratchFolders(inFolder('loading'))).toEqual([])
  })
})
