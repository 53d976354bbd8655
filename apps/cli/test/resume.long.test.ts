import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'

const main = new URL('../src/main.ts', import.meta.url).pathname
const seed = Number(process.env['FLEXGEN_TEST_KILL_SEED'] ?? 7)

/** Runs the command; killed with SIGKILL after `lifeMs`, if it lives so long. @returns whether it ended by itself */
async function run(args: readonly string[], lifeMs?: number): Promise<boolean> {
  const child = spawn(process.execPath, ['--conditions=@flexgen/source', main, ...args], { stdio: 'ignore' })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  if (lifeMs === undefined) return (await ended) === 0
  const stop = new AbortController()
  await Promise.race([ended, setTimeout(lifeMs, undefined, { signal: stop.signal }).catch(() => undefined)])
  stop.abort()
  child.kill('SIGKILL')
  return (await ended) === 0
}

it('a job that is killed at 50 random moments ends with the lines of an undisturbed one', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-kill-'))
  const file = (name: string): string => path.join(folder, name)
  const offloadDir = file('offload')
  try {
    const prompts = Array.from({ length: 60 }, (_, i) => ({ promptIds: [2, 40 + i, 7], maxNewTokens: 6 + (i % 30) }))
    writeFileSync(file('in.jsonl'), prompts.map((prompt) => `${JSON.stringify(prompt)}\n`).join(''))
    const job = [
      'generate',
      '--input',
      file('in.jsonl'),
      '--ignore-eos',
      '--temperature',
      '1',
      '--offload-dir',
      offloadDir,
    ]
    const spread = ['--percent', '10', '20', '20', '30', '30', '30', '--gpu-batch-size', '3', '--num-gpu-batches', '2']
    const linesOf = (name: string): string[] => readFileSync(file(name), 'utf8').trimEnd().split('\n').toSorted()
    const startedAtMs = performance.now()
    expect(await run([...job, ...spread, '--output', file('whole.jsonl')])).toBe(true)
    const wholeMs = performance.now() - startedAtMs
    let kills = 0
    let jobs = 0
    let random = seed
    while (kills < 50) {
      jobs++
      writeFileSync(file('out.jsonl'), '')
      for (let isDone = false; !isDone;) {
        // Park and Miller's generator: the moments are the same in every run of this test.
        random = (random * 48271) % 2147483647
        const lifeMs = kills < 50 ? wholeMs * (random / 2147483647) : undefined
        isDone = await run([...job, ...spread, '--output', file('out.jsonl'), '--resume'], lifeMs)
        if (!isDone) kills++
      }
      expect(linesOf('out.jsonl'), `seed ${seed}, job ${jobs}, ${kills} kills`).toEqual(linesOf('whole.jsonl'))
    }
    // Scratch of the killed runs is removed by the next one that computes; one that finds all lines there does not.
    expect(await run([...job, ...spread, '--output', file('last.jsonl')])).toBe(true)
    expect(readdirSync(offloadDir)).toEqual([])
    process.stdout.write(`resume: ${kills} kills in ${jobs} jobs, no line lost, twice or torn (seed ${seed})\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
