import { readdirSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { createOnnxRuntimeBackend } from '@flexgen/backend-onnxruntime'
import { expect, it } from 'vitest'
import { openBench, openFixture } from './support/bench.ts'

const requests = [{ promptIds: [2, 5, 9, 11] }, { promptIds: [2, 7] }, { promptIds: [3] }]
const options = { maxNewTokens: 4, ignoreEos: true }

/** What a leak would raise: resident bytes, open files, threads. */
async function usage(): Promise<{ rssBytes: number; files: number; threads: number }> {
  // Closing files and ending threads take a turn of the event loop; a collection shows what is really held.
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await setTimeout(20)
  }
  const count = (folder: string): number => readdirSync(folder).length
  return { rssBytes: process.memoryUsage.rss(), files: count('/proc/self/fd'), threads: count('/proc/self/task') }
}

it('leaks nothing in 1,000 short generations, 100 of them with a backend and an engine of their own', async () => {
  await using opened = await openFixture()
  const { model, weights } = opened
  const policy = { percent: [30, 30, 30, 30, 30, 30], gpuBatchSize: 2 }
  const generate = async (times: number): Promise<void> => {
    await using backend = await createOnnxRuntimeBackend({ threads: 2 })
    await using bench = await openBench({ backend, model, weights, policy, pagePositions: 2 })
    await using engine = await bench.createEngine()
    for (let i = 0; i < times; i++) await engine.generateAll(requests, options)
  }
  const rejections: unknown[] = []
  const onRejection = (reason: unknown): void => void rejections.push(reason)
  process.on('unhandledRejection', onRejection)
  try {
    // Runtime, compiler and allocators reach what they keep.
    for (let i = 0; i < 30; i++) await generate(1)
    await generate(200)
    const before = await usage()
    for (let i = 0; i < 70; i++) await generate(1)
    await generate(700)
    const after = await usage()
    expect(rejections).toEqual([])
    expect({ files: after.files, threads: after.threads }).toEqual({ files: before.files, threads: before.threads })
    process.stdout.write(
      `soak: resident ${(before.rssBytes / 1e6).toFixed(0)} MB, after 770 more generations ${(after.rssBytes / 1e6).toFixed(0)} MB\n`,
    )
    expect(after.rssBytes - before.rssBytes).toBeLessThan(20e6)
  } finally {
    process.off('unhandledRejection', onRejection)
  }
}, 300_000)
