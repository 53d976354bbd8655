import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { CaseFlags } from '../src/case/case-flags.ts'
import { settingsOf } from '../src/case/case-settings.ts'
import { projectCutRun } from '../src/formulas/projection.ts'
import { type CaseProgress, measureCase } from '../src/measure/measure-case.ts'
import { queueInfo } from '../src/measure/queue-kinds.ts'
import { type Measurement, measurementSchema } from '../src/measure/measurement.ts'

const offloadDir = mkdtempSync(path.join(tmpdir(), 'flexgen-bench-'))
afterAll(() => rmSync(offloadDir, { recursive: true, force: true }))

/** The demo model in a small shape. */
const small = {
  model: 'demo',
  offloadDir,
  promptLen: 10,
  maxNewTokens: 6,
  gpuBatchSize: 2,
  numGpuBatches: 2,
  percent: [0, 30, 100, 0, 100, 0],
} satisfies CaseFlags

const measure = (flags: CaseFlags): Promise<Measurement> => measureCase(settingsOf({ ...small, ...flags }))
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

describe('measuring a case', () => {
  it('counts every block, and fills in everything that reports show', async () => {
    const steps: CaseProgress[] = []
    const settings = settingsOf({ ...small, numPrompts: 6 })
    const measured = await measureCase(settings, { onProgress: (step) => steps.push(step) })
    expect(measurementSchema.parse(JSON.parse(JSON.stringify(measured)))).toEqual(JSON.parse(JSON.stringify(measured)))
    expect(measured).toMatchObject({
      work: { prompts: 6, promptTokens: 10, newTokens: 6, blockPrompts: 4 },
      projected: false,
      timeline: { token: 3 },
    })
    expect(measured.sweepSeconds).toHaveLength(2 * 6)
    expect(sum(measured.sweepSeconds)).toBeCloseTo(measured.prefillSeconds + measured.decodeSeconds, 6)
    expect(steps.at(-1)).toEqual({ label: 'generating', done: 36, total: 36, unit: 'tokens' })
    const { disk } = measured.placement.weights.bytes
    expect(disk).toBeGreaterThan(0)
    // Twelve sweeps read the disk's share each, of a token table only the rows that are needed.
    const readShares = sum(measured.disk.map(({ read }) => read.weights)) / disk
    expect(readShares).toBeGreaterThan(9)
    expect(readShares).toBeLessThanOrEqual(12)
    for (const { busySeconds, phase } of measured.queues) {
      expect(busySeconds).toBeLessThanOrEqual(measured.phaseSeconds[phase] * 1.05 + 0.01)
    }
    const { spans, durationMs } = measured.timeline!
    for (const { startMs, endMs } of spans) {
      expect(startMs).toBeGreaterThanOrEqual(0)
      expect(endMs).toBeGreaterThanOrEqual(startMs)
      expect(endMs).toBeLessThanOrEqual(durationMs)
    }
    expect(measured.queues.filter(({ queue }) => queueInfo(queue).kind === 'other')).toEqual([])
    expect(spans.some(({ queue }) => queue === 'weights read')).toBe(true)
    expect(measured.memory.at(-1)!.hostBytes).toBeGreaterThan(0)
  })

  it('cuts a run and projects the rest', async () => {
    const measured = await measure({ cutGenLen: 5, maxNewTokens: 30 })
    expect(measured).toMatchObject({ projected: true, work: { newTokens: 30 } })
    expect(measured.sweepSeconds).toHaveLength(5)
    expect(measured.decodeSeconds).toBe(projectCutRun(measured.sweepSeconds, 30).decodeSeconds)
  })

  it.each([true, false])('makes twenty layer steps of decoding for fewer_batch, sep-layer %s', async (sepLayer) => {
    const measured = await measure({ debugMode: 'fewer_batch', maxNewTokens: 40, sepLayer })
    expect(measured.projected).toBe(true)
    // A sweep of the demo model is shorter than twenty steps, forty tokens are not.
    expect(measured.sweepSeconds.length).toBeGreaterThanOrEqual(2)
    expect(measured.sweepSeconds.length).toBeLessThan(6)
    expect(measured.sweepSeconds[0]).toBe(measured.prefillSeconds)
    const perToken = measured.decodeSeconds / 39
    const measuredPerToken = sum(measured.sweepSeconds.slice(1)) / (measured.sweepSeconds.length - 1)
    // Neither a token too many nor a wrong unit; how near a projection comes is projection.timed.test.ts's.
    expect(perToken / measuredPerToken).toBeGreaterThan(0.01)
    expect(perToken / measuredPerToken).toBeLessThan(100)
  })

  it('accounts for the time in breakdown mode', async () => {
    const measured = await measure({ debugMode: 'breakdown', gpuBatchSize: 8, numGpuBatches: 1, promptLen: 200 })
    expect(measured.projected).toBe(true)
    const tasks = measured.tasks!
    expect(new Set(tasks.map(({ phase }) => phase))).toEqual(new Set(['prefill', 'decode']))
    expect(tasks.map(({ task }) => task)).toEqual(expect.arrayContaining(['loadWeight', 'compute mlp']))
    const known = sum(tasks.map(({ seconds }) => seconds))
    expect(known / (measured.prefillSeconds + measured.decodeSeconds)).toBeGreaterThan(0.8)
    expect(await measure({})).not.toHaveProperty('tasks')
  })

  it('makes one token where one is asked for, block after block', async () => {
    const measured = await measure({ maxNewTokens: 1, numPrompts: 9 })
    expect(measured.sweepSeconds).toHaveLength(3)
    expect(measured).toMatchObject({ decodeSeconds: 0, projected: false })
    expect(measured).not.toHaveProperty('timeline')
    expect(measured.queues.every(({ phase }) => phase === 'prefill')).toBe(true)
  })

  it('reads no faster than a throttled disk gives, and says so', async () => {
    const bytesPerSecond = 20e6
    const measured = await measure({ percent: [0, 0, 100, 0, 100, 0], throttleDisk: '20MB/s' })
    const readBytes = sum(measured.disk.map(({ read }) => read.weights))
    expect(readBytes).toBeGreaterThan(5e6)
    expect(measured.prefillSeconds + measured.decodeSeconds).toBeGreaterThan((0.9 * readBytes) / bytesPerSecond)
    expect(measured.notices.join()).toContain('slowed down to 20 MB/s')
  })

  it('takes every placement, 4 bits, sparsity and a host backend', async () => {
    const flags = { backend: 'reference', promptLen: 5, maxNewTokens: 3, numGpuBatches: 1 } satisfies CaseFlags
    const flexgen = await measure({ ...flags, placement: 'flexgen', percent: [12, 78, 0, 100, 0, 100] })
    expect(flexgen.placement.weights.realised.device).toBeLessThan(5)
    const small = await measure({ ...flags, compressWeight: true, compressCache: true, attnSparsity: 0.5 })
    expect(sum(Object.values(small.placement.weights.bytes))).toBeLessThan(
      0.35 * sum(Object.values(flexgen.placement.weights.bytes)),
    )
    const host = { cpuCacheCompute: true, hostBackend: 'native', percent: [100, 0, 0, 100, 100, 0] }
    const beside = await measure({ ...flags, ...host })
    expect(beside.queues.some(({ queue }) => queue === 'host attention')).toBe(true)
  })

  it('writes a Chrome trace', async () => {
    const traceFile = path.join(offloadDir, 'trace.json')
    await measureCase(settingsOf({ ...small, maxNewTokens: 2 }), { traceFile })
    const { traceEvents } = JSON.parse(readFileSync(traceFile, 'utf8')) as { traceEvents: { args: { name: string } }[] }
    const threads = traceEvents.map(({ args }) => args?.name)
    expect(threads).toEqual(expect.arrayContaining(['compute', 'weights read']))
    rmSync(traceFile)
  })

  it('stops at a signal, and refuses a model that does not fit', async () => {
    const controller = new AbortController()
    const stopped = measureCase(settingsOf({ ...small, maxNewTokens: 200 }), {
      signal: controller.signal,
      onProgress: ({ label }) => label === 'generating' && controller.abort(),
    })
    await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' })
    await expect(measure({ maxRam: '1MB' })).rejects.toMatchObject({ code: 'INFEASIBLE' })
  })
})
