import { createReferenceBackend } from '@flexgen/backend-reference'
import type { TraceSpan } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { openBench, openFixture } from './support/bench.ts'

const requests = [{ promptIds: [2, 5, 9, 11] }, { promptIds: [2, 7, 3] }, { promptIds: [3, 4] }, { promptIds: [2] }]
const options = { maxNewTokens: 4, ignoreEos: true }

async function run(percent: readonly number[], hostAttentionPercent: number, delayMs = 0) {
  await using opened = await openFixture()
  const { model, weights } = opened
  const spans: TraceSpan[] = []
  const delay = (label: string): number | undefined => (label.includes('attend') ? delayMs : undefined)
  await using bench = await openBench({
    backend: createReferenceBackend({ hostVisible: false }),
    host: createReferenceBackend({ asyncDelayMs: delay }),
    model,
    weights,
    policy: { percent, hostAttentionPercent, gpuBatchSize: 2, numGpuBatches: 2 },
    trace: { span: (span) => void spans.push(span) },
  })
  await using engine = await bench.createEngine()
  const results = await engine.generateAll(requests, options)
  const of = (queue: string): TraceSpan[] => spans.filter((span) => span.queue === queue)
  const bytes = (queue: string): number => of(queue).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return { results, of, bytes, layers: model.facts.decoderLayers, hiddenBytes: 4 * model.hiddenSize }
}

const decodes = options.maxNewTokens - 1

describe('attention on the host', () => {
  it('runs there in decode for all KV off the device, and only vectors cross the link', async () => {
    const { of, bytes, layers, hiddenBytes } = await run([0, 100, 0, 100, 100, 0], 100)
    expect(of('host attention').length).toBe(decodes * layers * 2)
    // q, k and v of one token a row go out, what was attended comes back.
    expect(bytes('attention out')).toBe(decodes * layers * requests.length * 3 * hiddenBytes)
    expect(bytes('attention in')).toBe(decodes * layers * requests.length * hiddenBytes)
    // KV crosses once: the prompt's, on its way to RAM.
    expect(of('load cache')).toEqual([])
    const promptTokens = requests.reduce((sum, { promptIds }) => sum + promptIds.length, 0)
    expect(bytes('store cache')).toBe(promptTokens * layers * 2 * hiddenBytes)
  })

  it('gathers KV from disk on the host', async () => {
    const { bytes, of } = await run([0, 100, 0, 0, 100, 0], 100)
    expect(of('load cache')).toEqual([])
    expect(bytes('load cache on host')).toBeGreaterThan(0)
    expect(bytes('store cache on host')).toBeGreaterThan(0)
  })

  it('attends the rest on the device where only a share is asked for', async () => {
    const half = await run([0, 100, 0, 100, 100, 0], 50)
    const all = await run([0, 100, 0, 100, 100, 0], 100)
    expect(half.results).toEqual(all.results)
    expect(half.bytes('attention in')).toBe(all.bytes('attention in') / 2)
    expect(half.bytes('load cache')).toBeGreaterThan(0)
  })

  it('runs beside the next batch on the device', async () => {
    const { of } = await run([100, 0, 0, 100, 100, 0], 100, 40)
    // In the order of the queues: before(0) before(1) after(0) after(1), and beside them attend(0) attend(1).
    const attends = of('host attention').slice(-2)
    const [, second, firstAfter] = of('compute')
      .filter(({ label }) => /attention\.(before|after)/.test(label))
      .slice(-4)
    expect(second!.label).toContain('before')
    expect(second!.endMs).toBeLessThan(attends[0]!.endMs)
    // The second is attended while the first goes on.
    expect(firstAfter!.startMs).toBeGreaterThanOrEqual(attends[0]!.endMs)
    expect(firstAfter!.endMs).toBeLessThan(attends[1]!.endMs)
  })

  it('needs a host backend where the device has memory of its own', async () => {
    await using opened = await openFixture()
    const { model, weights } = opened
    const backend = createReferenceBackend({ hostVisible: false })
    await using bench = await openBench({ backend, model, weights, policy: { hostAttentionPercent: 100 } })
    await expect(bench.createEngine()).rejects.toMatchObject({ code: 'USAGE', hint: 'name one with --host-backend' })
  })
})
