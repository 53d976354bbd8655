import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { lastLevelCacheBytes } from './last-level-caches.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-caches-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function cache(processor: number, index: number, level: number, sharedBy: string, size: string): void {
  const at = path.join(folder, `cpu${processor}/cache/index${index}`)
  mkdirSync(at, { recursive: true })
  for (const [name, text] of Object.entries({ level, shared_cpu_list: sharedBy, size }))
    writeFileSync(path.join(at, name), `${text}\n`)
}

it('counts every last-level cache once, whoever shares it', async () => {
  for (const processor of [0, 1, 2, 3]) {
    cache(processor, 0, 2, `${processor}`, '2048K')
    cache(processor, 1, 3, processor < 2 ? '0-1' : '2-3', '32768K')
  }
  mkdirSync(path.join(folder, 'cpufreq'))
  expect(await lastLevelCacheBytes(folder)).toBe(2 * 32 * 2 ** 20)
})

it('knows nothing where nothing is told', async () => {
  expect(await lastLevelCacheBytes(path.join(folder, 'nowhere'))).toBe(0)
  mkdirSync(path.join(folder, 'empty'))
  expect(await lastLevelCacheBytes(path.join(folder, 'empty'))).toBe(0)
})
