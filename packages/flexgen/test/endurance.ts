// Runs a thousand short generations in a process of its own and prints what it holds; see endurance.long.test.ts.
import { readdirSync } from 'node:fs'
import { loadFixture } from '@flexgen/opt-fixtures'
import { createEngine } from '../src/index.ts'

const [backend = '', kind = '', offloadDir = ''] = process.argv.slice(2)
const spread = { percent: [20, 20, 20, 30, 0, 50], gpuBatchSize: 2, numGpuBatches: 2 }
const prompts = ['My fellow citizens', [5, 6, 7], 'The state']
// The reference computes slowly: a checkpoint of a few KB, opened anew by each engine, leaks as well as a larger one.
const model = backend === 'reference' ? loadFixture('facebook-bin').folder : undefined
const options = { backend, model, offloadDir, policy: spread, pagePositions: 4 }
const sizes = { maxNewTokens: 3, ignoreEos: true }

const rejections: unknown[] = []
process.on('unhandledRejection', (reason) => void rejections.push(reason))

function held(): Readonly<Record<string, number>> {
  globalThis.gc?.()
  const count = (folder: string): number => (process.platform === 'linux' ? readdirSync(folder).length : 0)
  return { rssBytes: process.memoryUsage.rss(), files: count('/proc/self/fd'), threads: count('/proc/self/task') }
}

/** What is under way, and since when. */
let under = { way: 'nothing', sinceMs: Date.now() }
const begin = (way: string): void => void (under = { way, sinceMs: Date.now() })
// Where the event loop still turns, a hang says what it is in.
const watch = setInterval(() => {
  const seconds = Math.round((Date.now() - under.sinceMs) / 1000)
  if (seconds > 60) process.stderr.write(`${backend}, ${kind}: ${under.way} has been under way for ${seconds} s\n`)
}, 30_000)
watch.unref()

/** One engine: every third run ends, every third is aborted, and every third is left by its reader. */
async function runEngine(turn: number): Promise<void> {
  const controller = new AbortController()
  const { signal } = controller
  begin(`making engine ${turn}`)
  await using engine = await createEngine({ ...options, signal })
  try {
    begin(`the run of engine ${turn}`)
    for await (const event of engine.generate(prompts, { ...sizes, signal })) {
      if (event.type === 'token' && turn % 3 === 1) controller.abort()
      if (event.type === 'token' && turn % 3 === 2) break
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  begin(`the end of engine ${turn}`)
}

/** What is held after a warm-up of 400 runs (allocators grow until about 250), and after all. */
async function endure(run: (turn: number) => Promise<unknown>): Promise<void> {
  let ended = 0
  const runOften = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn++) {
      await run(turn)
      process.send?.(++ended)
    }
  }
  await runOften(400)
  const before = held()
  await runOften(600)
  const after = held()
  process.stdout.write(JSON.stringify({ before, after, rejections: rejections.map(String) }))
  // Only now: it is one of the files that are held.
  process.disconnect?.()
}

if (kind === 'engines') await endure(runEngine)
else {
  await using engine = await createEngine(options)
  await endure(() => engine.generateAll(prompts, sizes))
}
