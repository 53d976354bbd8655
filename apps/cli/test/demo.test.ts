import path from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { home, runCli, scratchFolders, startCli, waitUntil } from './cli-process.ts'

const offloadDir = path.join(home, '.cache/flexgen/offload')

/** Bytes of a size as the demo prints it. */
function bytesOf(size: string): number {
  const [, value, unit = ''] = /^([\d.]+) (B|kB|MB)$/.exec(size) ?? []
  return Number(value) * { B: 1, kB: 1e3, MB: 1e6 }[unit]!
}

describe('demo', () => {
  it('shows four texts and the proof, in plain text of 80 columns', async () => {
    const { code, stdout, stderr } = await runCli(['demo'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stripVTControlCharacters(stdout)).toBe(stdout)
    expect(stdout.split('\n').filter((line) => line.length > 80 || line.endsWith(' '))).toEqual([])
    const openings = [
      'My fellow Americans, ',
      'Fellow citizens of the Senate',
      'During the past year',
      'There she blows! ',
    ]
    for (const opening of openings) expect(stdout).toContain(`\n  ${opening}`)

    const row = (name: string): string[] => new RegExp(`^ +${name}  +(.*)$`, 'm').exec(stdout)![1]!.split(/ {2,}/)
    const weights = row('weights')
    // Some 80 % of 12 MB lie on disk and are read for every token; the embedding's two tables only by rows.
    const onDisk = Number(weights[2]!.replace(' %', '')) / 100
    expect(onDisk).toBeGreaterThan(0.7)
    expect(bytesOf(weights[3]!)).toBeGreaterThan(onDisk * 14.2e6 - 2.7e6)
    expect(weights[4]).toBe('0 B')
    for (const kind of ['KV cache', 'activations']) {
      const [, , disk, read, written] = row(kind)
      expect(Number(disk!.replace(' %', ''))).toBeGreaterThan(30)
      expect(bytesOf(read!)).toBeGreaterThan(10_000)
      expect(bytesOf(written!)).toBeGreaterThan(10_000)
    }

    const [, needed, allowed] = /alone this run takes (\S+ MB); it is allowed (\S+ MB)/.exec(stdout)!
    const [, peak] = /^ +RAM +(\S+ MB) at most/m.exec(stdout)!
    expect(bytesOf(peak!)).toBeLessThanOrEqual(bytesOf(allowed!))
    expect(bytesOf(allowed!)).toBeLessThan(0.5 * bytesOf(needed!))
    expect(scratchFolders(offloadDir)).toEqual([])
  })

  it('names commands as they can be typed where it was started', async () => {
    const [installed, checkout] = await Promise.all([
      runCli(['demo']),
      runCli(['demo'], { env: { npm_lifecycle_event: 'start' } }),
    ])
    expect(installed.stdout).toMatch(/\n {4}flexgen generate --prompt /)
    expect(checkout.stdout).toMatch(/\n {4}npm run -s flexgen -- generate --prompt /)
  })

  it('ends at Ctrl-C and leaves no scratch file', async () => {
    const run = startCli(['demo'])
    expect(await waitUntil(() => scratchFolders(offloadDir).length > 0)).toBe(true)
    run.child.kill('SIGINT')
    expect(await run.ended).toMatchObject({ code: 130, stderr: expect.stringContaining('flexgen: ABORTED: ') })
    expect(scratchFolders(offloadDir)).toEqual([])
  })
})
