import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { examineHostKernels } from '@flexgen/backend-native'
import { FlexgenError } from '@flexgen/spec'
import { afterAll, describe, expect, it } from 'vitest'
import { kernelReportSchema, runKernels } from '../src/index.ts'
import { kernelJsonSchema } from '../src/report/report-json-schema.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-kernels-'))
afterAll(() => rmSync(folder, { recursive: true }))

const lines: string[] = []
const limits = { readBytesPerSecond: 10e9, multipliesPerSecond: 100e9, pairMultipliesPerSecond: 100e9 }
/** Two threads read and multiply twice as fast as one. */
const limitsOf = (threads: number) => ({
  threads,
  readBytesPerSecond: threads * limits.readBytesPerSecond,
  multipliesPerSecond: threads * limits.multipliesPerSecond,
  pairMultipliesPerSecond: threads * limits.pairMultipliesPerSecond,
})
const measureLimits = async (threads: number) => ({ ...limitsOf(threads), level: 'avx2' })
const output = { out: (line: string) => void lines.push(line), log: () => undefined }

/** Why there are no host kernels here; undefined where there are. */
const problem = await examineHostKernels().then(
  () => undefined,
  (error: unknown) => {
    if (FlexgenError.isInstance(error) && error.code === 'BACKEND_UNAVAILABLE') return error.message
    throw error
  },
)
if (problem !== undefined) process.stdout.write(`tests of the suite kernels are skipped here: ${problem}\n`)

describe.skipIf(problem !== undefined)('suite kernels', () => {
  it('times kernels beside the limits of the machine and writes table, report, page and plot', async () => {
    const options = { outputDir: folder, only: 'heads of 128, 2048', flags: { threads: 2 } }
    const report = await runKernels(options, output, { caseMs: 1, coldBytes: 1, measureLimits })
    expect(kernelReportSchema.parse(JSON.parse(readFileSync(path.join(folder, 'report.json'), 'utf8')))).toEqual(report)
    // After a change of the form see scripts/write-schema.mjs.
    const published = readFileSync(new URL('../schema/kernel-report.schema.json', import.meta.url), 'utf8')
    expect(JSON.parse(published)).toEqual(kernelJsonSchema())
    expect(report.rows.map(({ part, dtype, bound }) => [part, dtype, bound])).toEqual([
      ['decode attention', 'float16', 'memory'],
      ['decode attention', 'bfloat16', 'memory'],
      ['decode attention', 'q4g64', 'memory'],
      ['scaling', 'float16', 'memory'],
      ['scaling', 'float16', 'memory'],
    ])
    expect(report.rows.slice(-2).map(({ threads }) => threads)).toEqual([1, 2])
    for (const { medianMs, lowMs, highMs, runs } of report.rows) {
      expect(runs).toBeGreaterThanOrEqual(10)
      expect(lowMs).toBeGreaterThan(0)
      expect(lowMs).toBeLessThanOrEqual(medianMs)
      expect(medianMs).toBeLessThanOrEqual(highMs)
    }
    expect(report.limits).toEqual([limitsOf(2), limitsOf(1)])
    expect(lines.join('\n')).toContain('attention, q4g64 KV, heads of 128, 2048 positions')
    expect(readFileSync(path.join(folder, 'report.html'), 'utf8')).toContain('heads of 128')
    const image = readFileSync(path.join(folder, 'roofline.svg'), 'utf8')
    expect(image).toMatch(/^<svg/)
    expect(image).not.toContain('var(')
  })

  it('begins nothing for which there is no time', async () => {
    await expect(
      runKernels({ outputDir: folder, timeLimitSeconds: 0 }, output, { caseMs: 1, coldBytes: 1, measureLimits }),
    ).rejects.toMatchObject({ code: 'ABORTED', message: expect.stringContaining('--time-limit') })
  })

  it('refuses flags of models', async () => {
    await expect(runKernels({ flags: { model: 'demo' } }, output)).rejects.toMatchObject({ code: 'USAGE' })
    await expect(runKernels({ repeat: 3 }, output)).rejects.toMatchObject({ code: 'USAGE' })
  })
})
