import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { settingsOf } from '../src/case/case-settings.ts'
import { runCase } from '../src/run/run-case.ts'
import { findResult, runCommand } from '../src/run/run-command.ts'

const offloadDir = mkdtempSync(path.join(tmpdir(), 'flexgen-bench-'))
afterAll(() => rmSync(offloadDir, { recursive: true, force: true }))

const settings = settingsOf({
  model: 'demo',
  offloadDir,
  promptLen: 8,
  maxNewTokens: 4,
  gpuBatchSize: 2,
  percent: [100, 0, 100, 0, 0, 0],
})

describe('a case in a process of its own', () => {
  it('gives figures, and the memory of that process', async () => {
    const repetition = await runCase(settings)
    const { prefillSeconds, decodeSeconds } = repetition
    expect(repetition.prefillTokensPerSecond).toBe(16 / prefillSeconds)
    expect(repetition.decodeTokensPerSecond).toBe(6 / decodeSeconds)
    expect(repetition.totalTokensPerSecond).toBe(8 / (prefillSeconds + decodeSeconds))
    expect(repetition.wallSeconds).toBeGreaterThan(prefillSeconds + decodeSeconds)
    expect(repetition.measurement!.work.prompts).toBe(2)
    if (process.platform === 'linux') {
      expect(repetition.processMemory!.peakRssBytes).toBeGreaterThan(40e6)
      expect(repetition.processMemory!.samples.length).toBeGreaterThan(2)
    }
    expect(readdirSync(offloadDir)).toEqual([])
  })

  it('tells what it fails with, and stops at a signal', async () => {
    await expect(runCase({ ...settings, maxRam: '1MB' })).rejects.toMatchObject({
      code: 'INFEASIBLE',
      message: expect.stringContaining('--max-ram'),
    })
    const controller = new AbortController()
    const running = runCase(
      { ...settings, genLen: 400 },
      { signal: controller.signal, onProgress: ({ label }) => label === 'generating' && controller.abort() },
    )
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' })
    expect(readdirSync(offloadDir)).toEqual([])
  })
})

describe('a foreign command', () => {
  const line = '{"mode":"x","prefill_s":2,"decode_s":4,"decode_tok_s":14.5,"total_tok_s":10}'

  it.runIf(process.platform === 'linux')(
    'gives the figures of its line, and the memory of all its processes',
    async () => {
      // Both hold their memory until it must have been read, however long they take to start.
      const script = `const fs = require('fs'); const b = Buffer.alloc(150e6, 1); fs.writeFileSync(process.argv[1], '');
        setInterval(() => fs.existsSync('go') && process.exit(b[0] - 1), 20)`
      const [one, two, go] = ['one', 'two', 'go'].map((name) => path.join(offloadDir, name)) as [string, string, string]
      const hold = `node -e "${script}"`
      const running = runCommand(
        `cd ${offloadDir}; echo loading; ${hold} ${one} & ${hold} ${two}; wait; echo '${line}'; echo done`,
      )
      await vi.waitUntil(() => existsSync(one) && existsSync(two), { timeout: 60_000, interval: 20 })
      // Children are looked for at every fifth reading, and there are ten in a second.
      for (let i = 0; i < 8; i++) await wait(100)
      writeFileSync(go, '')
      const repetition = await running
      for (const file of [one, two, go]) rmSync(file)
      expect(repetition).toMatchObject({
        prefillSeconds: 2,
        decodeSeconds: 4,
        decodeTokensPerSecond: 14.5,
        totalTokensPerSecond: 10,
      })
      expect(repetition).not.toHaveProperty('prefillTokensPerSecond')
      const sized = await runCommand(`echo '${line.replace('{', '{"batch":4,"prompt_len":16,')}'`)
      expect(sized.prefillTokensPerSecond).toBe(32)
      const { peakRssBytes, peakAnonymousBytes } = repetition.processMemory!
      expect(peakAnonymousBytes).toBeGreaterThan(300e6)
      expect(peakRssBytes).toBeGreaterThan(peakAnonymousBytes)
    },
  )

  it('may say other things, before and after', () => {
    expect(findResult(`{"prefill_s":1}\n${line}\n[1]\nbye\n`)).toMatchObject({ prefill_s: 2, decode_tok_s: 14.5 })
    expect(findResult('{"prefill_s":1,"decode_s":1,"decode_tok_s":"1"}')).toBeUndefined()
  })

  it('that fails or prints nothing of use is refused with what it said', async () => {
    await expect(runCommand('echo no model >&2; exit 3')).rejects.toMatchObject({
      code: 'UNSUPPORTED_DATA',
      message: expect.stringContaining('ended with 3'),
      hint: 'it said: no model',
    })
    await expect(runCommand('echo 5')).rejects.toThrow('printed no line with prefill_s')
  })

  it('ends at a signal with all it has started', async () => {
    const controller = new AbortController()
    const running = runCommand('sleep 600 & sleep 600', { signal: controller.signal })
    setTimeout(() => controller.abort(), 200)
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' })
  })
})
