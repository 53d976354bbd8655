import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createEngine, openBackend, openModel } from 'flexgen'
import { afterAll, describe, expect, it } from 'vitest'
import { heldOutTexts } from '../src/quality/held-out-text.ts'
import { measureQuality } from '../src/quality/measure-quality.ts'
import { qualityOptions } from '../src/quality/quality-options.ts'
import { qualityReportSchema } from '../src/quality/quality-report.ts'
import { qualityVariants } from '../src/quality/quality-variants.ts'
import { qualityJsonSchema } from '../src/report/report-json-schema.ts'
import { runQuality } from '../src/quality/run-quality.ts'
import { scoreWindows, type WindowScore } from '../src/quality/score-windows.ts'
import { cutWindows } from '../src/quality/windows.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-quality-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const settings = { model: 'demo', backend: 'reference', windowTokens: 20, mostWindows: 2, gpuBatchSize: 2 }
const variantOf = (key: string) => qualityVariants.find((each) => each.key === key)!

describe('scoring text', () => {
  it('gives the same as prompts and as decode steps, and what the logits say', async () => {
    await using opened = await openModel({ model: 'demo' })
    const { backend } = await openBackend('reference')
    await using _ = backend
    const [start, ...text] = opened.tokenizer!.encode([...heldOutTexts().values()][0]!.slice(0, 200))
    const windows = cutWindows(text, start!, 24, 12)
    const score = async (decode: boolean): Promise<WindowScore> => {
      const workload = { sequences: windows.length, maxPromptTokens: 24, maxNewTokens: 24, logits: 'all' } as const
      await using engine = await createEngine({ model: opened, backend, policy: { gpuBatchSize: 2 }, workload })
      return await scoreWindows(engine, windows, { decode })
    }
    const [whole, stepwise] = [await score(false), await score(true)]
    expect(whole.tokens).toBe(text.length)
    expect(stepwise.tokens).toBe(text.length)
    expect(stepwise.nats).toBeCloseTo(whole.nats, 3)
    // The demo model has seen this kind of text: better than chance, worse than certainty.
    expect(whole.nats / whole.tokens).toBeLessThan(Math.log(300))
    expect(whole.nats / whole.tokens).toBeGreaterThan(Math.log(5))
  })
})

describe('the suite quality', () => {
  it('measures every variant that a backend can compute, and says what it cannot', async () => {
    const lines: string[] = []
    const report = await runQuality(
      { suite: 'quality', outputDir: folder, flags: { backend: 'reference', promptLen: 20, numPrompts: 2 } },
      { out: (line) => lines.push(line), log: () => undefined },
      { measure: measureQuality },
    )
    expect(qualityReportSchema.parse(JSON.parse(readFileSync(path.join(folder, 'report.json'), 'utf8')))).toEqual(
      report,
    )
    // After a change of the form see scripts/write-schema.mjs.
    const published = readFileSync(new URL('../schema/quality-report.schema.json', import.meta.url), 'utf8')
    expect(JSON.parse(published)).toEqual(qualityJsonSchema())
    const [baseline, half, ...others] = report.rows
    expect(half).toMatchObject({ key: 'fp16', failure: { code: 'UNSUPPORTED_DATA' } })
    const perplexities = [baseline!, ...others].map(({ perplexity }) => perplexity!)
    // Each of them computes something else.
    expect(new Set(perplexities).size).toBe(qualityVariants.length - 1)
    expect(others.every(({ tokens }) => tokens === baseline!.tokens)).toBe(true)
    const goals = others.flatMap(({ key, passes }) => (passes === undefined ? [] : [key]))
    expect(goals).toEqual(['w4-outputs', 'w4-inputs', 'kv4'])
    expect(lines.join('\n')).toContain('float16: backend reference has no computation in float16')
    const csv = readFileSync(path.join(folder, 'report.csv'), 'utf8').trimEnd().split('\r\n')
    expect(csv).toHaveLength(1 + qualityVariants.length)
    expect(readFileSync(path.join(folder, 'report.html'), 'utf8')).toContain('groups along outputs')
  })

  it('reports what was measured until the time limit, and says what was left out', async () => {
    const said: string[] = []
    const options = { outputDir: folder, timeLimitSeconds: 0.3, flags: { backend: 'reference', promptLen: 20 } }
    const output = { out: () => undefined, log: (line: string) => void said.push(line) }
    const seconds = [0.1, 60]
    const report = await runQuality(options, output, {
      measure: async ({ variant }, { signal }) => {
        await setTimeout(1000 * seconds.shift()!, undefined, signal && { signal })
        return { backend: variant.key, device: 'none', windows: 1, tokens: 10, nats: 20, seconds: 0.1, notices: [] }
      },
    })
    expect(report.rows.map(({ key }) => key)).toEqual([qualityVariants[0]!.key])
    expect(said.join('\n')).toContain(`no time for it: ${qualityVariants[1]!.title}`)
    await expect(
      runQuality({ ...options, timeLimitSeconds: 0 }, output, { measure: measureQuality }),
    ).rejects.toMatchObject({ code: 'ABORTED' })
  })

  it('runs each variant in a process of its own', async () => {
    const { runChild } = await import('../src/run/run-child.ts')
    const variant = variantOf('kv4')
    const { result } = await runChild({ type: 'quality', settings: { ...settings, variant } })
    const here = await measureQuality({ ...settings, variant })
    expect(result).toEqual({ ...here, seconds: result.seconds })
  })

  it('needs a tokenizer and room for its windows', async () => {
    const variant = variantOf('fp32')
    const dummy = measureQuality({ ...settings, variant, model: 'opt-125m', path: '_DUMMY_' })
    await expect(dummy).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('no tokenizer') })
    const long = measureQuality({ ...settings, variant, windowTokens: 1025 })
    await expect(long).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('1024 positions') })
  })

  it.each([
    [{ flags: { compressWeight: true } }, '--compress-weight'],
    [{ flags: { percent: [0, 100, 100, 0, 100, 0] } }, '--percent'],
    [{ flags: {}, repeat: 3 }, '--repeat'],
    [{ flags: {}, commands: ['--model x'] }, '--command'],
    [{ flags: { promptLen: 3 } }, '--prompt-len'],
  ])('refuses %j', (options, name) => {
    expect(() => qualityOptions(options)).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringMatching(new RegExp(`--suite quality.*${name}`)),
      }),
    )
  })
})
