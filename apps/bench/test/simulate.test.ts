import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { namedProfile } from '@flexgen/planner'
import { afterAll, describe, expect, it } from 'vitest'
import type { CaseFlags } from '../src/case/case-flags.ts'
import { settingsOf } from '../src/case/case-settings.ts'
import { measureCase } from '../src/measure/measure-case.ts'
import { type Measurement, measurementSchema } from '../src/measure/measurement.ts'
import { benchReportSchema } from '../src/report/bench-report.ts'
import { runBench } from '../src/run-bench.ts'
import { readProfile } from '../src/simulate/read-profile.ts'
import { parseScenario, readScenario } from '../src/simulate/read-scenario.ts'
import { scenarioJsonSchema } from '../src/simulate/scenario-json-schema.ts'

const place = mkdtempSync(path.join(tmpdir(), 'flexgen-simulate-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

function fileOf(name: string, content: unknown): string {
  const file = path.join(place, name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

const small = {
  simulate: 'flexgen-t4',
  model: 'facebook/opt-1.3b',
  promptLen: 40,
  maxNewTokens: 6,
  gpuBatchSize: 2,
  numGpuBatches: 2,
  percent: [30, 30, 50, 30, 0, 100],
} satisfies CaseFlags

const measure = (flags: CaseFlags): Promise<Measurement> => measureCase(settingsOf({ ...small, ...flags }, 0))
const seconds = ({ prefillSeconds, decodeSeconds }: Measurement): number[] => [prefillSeconds, decodeSeconds]

describe('profiles and scenarios', () => {
  it('are read from files, and refused with the field that is wrong', async () => {
    const profile = namedProfile('h100-pcie5')!
    expect(await readProfile(fileOf('hardware.json', profile))).toEqual(profile)
    expect(await readProfile('flexgen-t4')).toEqual(namedProfile('flexgen-t4'))
    await expect(readProfile('flexgen-t5')).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      hint: 'give a file, or one of: flexgen-t4, h100-pcie5, seed-machine',
    })
    const slow = fileOf('slow.json', { ...profile, capacity: { ...profile.capacity, ramBytes: 0 } })
    await expect(readProfile(slow)).rejects.toMatchObject({ code: 'CORRUPT_DATA', exitCode: 7 })
    await expect(readScenario(fileOf('broken.json', '{"schemaVersion":'))).rejects.toMatchObject({
      code: 'CORRUPT_DATA',
      exitCode: 7,
      message: expect.stringContaining('is no JSON'),
    })
  })

  it.each<[unknown, string]>([
    [{ noise: { spread: 1.5 } }, 'noise.spread'],
    [{ noise: { spread: 0.1, sede: 1 } }, 'noise.sede is not a field of a scenario'],
    [{ changes: [{ speed: 'diskRead', factor: 2 }] }, 'and atSeconds or atSweep'],
    [{ changes: [{ atSeconds: 1, speed: 'diskReed', factor: 2 }] }, 'changes.0.speed must be one of hostToDevice'],
    [{ changes: [{ atSeconds: 1, speed: 'diskRead' }] }, 'a speed with its factor, or a budget with its bytes'],
    [{ changes: [{ atSeconds: 1, budget: 'ram', bytes: 1, speed: 'ramRead', factor: 1 }] }, 'a speed with its factor'],
    [{ changes: [{ atSeconds: 1, speed: 'diskRead', factor: 0 }] }, 'changes.0.factor must be a number above 0, got 0'],
    [{ lengths: [] }, 'lengths'],
    [{ lengths: { least: 4, most: 3 } }, 'lengths'],
    [{ lenghts: [3] }, 'lenghts is not a field of a scenario'],
    [7, 'it must be an object, got 7'],
  ])('a scenario of %j is refused', (fields, message) => {
    const value = typeof fields === 'object' ? { schemaVersion: 1, ...fields } : fields
    expect(() => parseScenario(value, 'x.json')).toThrow(
      expect.objectContaining({ code: 'CORRUPT_DATA', exitCode: 7, message: expect.stringContaining(message) }),
    )
  })

  it('of another version are another form, and the form is published', () => {
    expect(() => parseScenario({ schemaVersion: 2 }, 'x')).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_DATA', exitCode: 7 }),
    )
    // After a change of the form see scripts/write-schema.mjs.
    const published = readFileSync(new URL('../schema/scenario.schema.json', import.meta.url), 'utf8')
    expect(JSON.parse(published)).toEqual(scenarioJsonSchema())
  })
})

describe('a simulated case', () => {
  it('measures the same every time, and says everywhere what it is', async () => {
    const [first, second] = [await measure({}), await measure({})]
    expect(seconds(second)).toEqual(seconds(first))
    expect({ ...second, memory: [] }).toEqual({ ...first, memory: [] })
    expect(measurementSchema.parse(JSON.parse(JSON.stringify(first)))).toEqual(JSON.parse(JSON.stringify(first)))
    expect(first).toMatchObject({ backend: 'simulated', device: 'NVIDIA T4 (simulated)', timeline: { token: 3 } })
    expect(first.notices[0]).toBe(
      'simulated: no model was run, times are those of the profile flexgen-t4 on a virtual clock',
    )
    expect(first.sweepSeconds).toHaveLength(6)
  })

  it('has the capacities of its profile, and budgets below them', async () => {
    await expect(measure({ model: 'opt-30b', percent: [100, 0, 100, 0, 100, 0] })).rejects.toMatchObject({
      code: 'INFEASIBLE',
      message: expect.stringContaining('--max-device-memory allows 16107 MB'),
    })
    await expect(measure({ maxRam: '100MB' })).rejects.toMatchObject({ code: 'INFEASIBLE' })
    // More than there is makes no difference.
    expect(seconds(await measure({ maxRam: '1000GB' }))).toEqual(seconds(await measure({})))
  })

  it('follows its scenario: lengths, changes, noise', async () => {
    const usual = await measure({})
    const lengths = fileOf('lengths.json', { schemaVersion: 1, lengths: [2, 4] })
    expect((await measure({ scenario: lengths })).sweepSeconds).toHaveLength(4)
    // The last two take the places of those that end first: four tokens, and a sweep for their prompts.
    const two = await measure({
      scenario: fileOf('two.json', { schemaVersion: 1, lengths: [2, 4, 3, 1, 2, 2] }),
      numPrompts: 6,
    })
    expect(two.sweepSeconds).toHaveLength(4 + 1)
    const changes = [{ atSeconds: 0, speed: 'diskRead', factor: 0.1 }]
    const slow = await measure({ scenario: fileOf('slow.json', { schemaVersion: 1, changes }) })
    expect(slow.decodeSeconds).toBeGreaterThan(3 * usual.decodeSeconds)
    const noise = fileOf('noise.json', { schemaVersion: 1, noise: { spread: 0.3, seed: 1 } })
    const [noisy, again] = [await measure({ scenario: noise }), await measure({ scenario: noise })]
    expect(seconds(noisy)).not.toEqual(seconds(usual))
    expect(seconds(again)).toEqual(seconds(noisy))
  })

  it('takes compression, attention on the host, memory that is not pinned, and FlexGen’s ways to cut a run', async () => {
    const onHost = { percent: [30, 30, 0, 100, 0, 100], cpuCacheCompute: true }
    const attended = await measure(onHost)
    expect(attended.queues.some(({ queue }) => queue === 'host attention')).toBe(true)
    const inRam = { percent: [0, 100, 100, 0, 100, 0] }
    const [pinned, pageable] = [await measure(inRam), await measure({ ...inRam, pinWeight: false })]
    expect(pageable.decodeSeconds / pinned.decodeSeconds).toBeGreaterThan(1.7)
    const plain = await measure({ percent: [0, 0, 0, 0, 0, 100] })
    const compressed = await measure({ percent: [0, 0, 0, 0, 0, 100], compressWeight: true, compressCache: true })
    const { weights, cache } = compressed.placement
    expect(plain.placement.cache.bytes.disk / cache.bytes.disk).toBeCloseTo(2 / (36 / 64), 6)
    expect(plain.placement.weights.bytes.disk / weights.bytes.disk).toBeGreaterThan(3.5)
    const cut = await measure({ maxNewTokens: 40, cutGenLen: 5 })
    const whole = await measure({ maxNewTokens: 40 })
    const fewer = await measure({ maxNewTokens: 40, debugMode: 'fewer_batch' })
    for (const part of [cut, fewer]) {
      expect(part.projected).toBe(true)
      expect(part.decodeSeconds / whole.decodeSeconds).toBeGreaterThan(0.8)
      expect(part.decodeSeconds / whole.decodeSeconds).toBeLessThan(1.2)
    }
  })

  it('is planned by its profile where no percents are given', async () => {
    const { percent: _, gpuBatchSize: __, numGpuBatches: ___, ...free } = small
    const measured = await measureCase(
      settingsOf({ ...free, model: 'opt-6.7b', maxDeviceMemory: '8GiB', numPrompts: 8 }, 0),
    )
    const [, predicted] = /^policy auto: .* decode ([\d.]+) s$/.exec(
      measured.notices.find((notice) => notice.startsWith('policy auto'))!,
    )!
    expect(measured.peakDeviceBytes).toBeLessThanOrEqual(8 * 2 ** 30)
    expect(measured.placement.weights.realised.ram).toBeGreaterThan(10)
    expect(measured.decodeSeconds / Number(predicted)).toBeGreaterThan(0.5)
    expect(measured.decodeSeconds / Number(predicted)).toBeLessThan(2)
  })

  it('refuses flags of this machine', () => {
    expect(() => settingsOf({ simulate: 'flexgen-t4', backend: 'native' })).toThrow(
      '--backend has no meaning on a simulated machine',
    )
    expect(() => settingsOf({ simulate: 'flexgen-t4', throttleDisk: '1GB/s' })).toThrow(
      '--throttle-disk has no meaning',
    )
  })
})

describe('a simulated benchmark', () => {
  it('is marked in table, log and report, and runs once', async () => {
    const outputDir = path.join(place, 'bench')
    const printed: string[] = []
    const output = { out: (line: string) => void printed.push(line), log: () => {} }
    const report = await runBench({ flags: small, outputDir }, output)
    expect(benchReportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report)
    expect(report.settings).toEqual({ repeat: 1, warmUp: 0, warmUpTokens: 0 })
    expect(report.links).toContainEqual({ link: 'disk read', direct: false, bytesPerSecond: 1.6e9 })
    // A device with memory of its own: the report says how busy its link was.
    expect(report.links).toContainEqual(expect.objectContaining({ link: 'to device' }))
    const uses = report.sides[0]!.links.filter(({ phase, link }) => phase === 'decode' && link === 'to device')
    expect(uses).toEqual([expect.objectContaining({ utilisation: expect.any(Number), busy: expect.anything() })])
    expect(uses[0]!.busy!.share).toBeGreaterThan(0.2)
    expect(uses[0]!.busy!.share).toBeLessThanOrEqual(1)
    expect(printed.join('\n')).toContain('link to device busy')
    const title = 'opt-1.3b: 40/6, 30 30 50 30 0 100, 2x2, simulated on flexgen-t4'
    expect(report.sides.map((side) => side.title)).toEqual([title])
    expect(report.sides[0]!.command).toContain('--simulate flexgen-t4')
    expect(printed[0]).toBe(title)
    const log = readdirSync(outputDir).find((name) => name.endsWith('.log'))!
    expect(log).toContain('-simulated-flexgen-t4.log')
    expect(readFileSync(path.join(outputDir, log), 'utf8')).toContain('prefill latency: ')
    const page = readFileSync(path.join(outputDir, 'report.html'), 'utf8')
    expect(page).toContain('simulated: no model was run')
  })

  it('ends with exit code 7 for a bad profile or scenario, before anything runs', async () => {
    const output = { out: () => {}, log: () => {} }
    const bad = fileOf('bad.json', { schemaVersion: 1, lengths: 'long' })
    const outputDir = path.join(place, 'never')
    for (const flags of [
      { ...small, scenario: bad },
      { ...small, simulate: bad },
    ]) {
      await expect(runBench({ flags, outputDir }, output)).rejects.toMatchObject({ exitCode: 7 })
    }
    expect(readdirSync(place)).not.toContain('never')
  })
})
