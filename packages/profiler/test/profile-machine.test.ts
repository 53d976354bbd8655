import { createReferenceBackend } from '@flexgen/backend-reference'
import { parseHardwareProfile } from '@flexgen/planner'
import { type LayerGraph, systemClock } from '@flexgen/spec'
import { createDiskTier } from '@flexgen/storage'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type MeasureEffort, profileMachine, type ProfileMachineOptions } from '../src/index.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-profile-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** So little of everything that the reference backend does it in a moment. */
const little: MeasureEffort = {
  timing: { leastSeconds: 0.001, repetitions: 2 },
  width: 64,
  matrices: 2,
  productsPerRun: 1,
  rows: [1, 4],
  heads: 2,
  headDim: 64,
  sequences: [1, 2],
  positions: [4, 16],
  kvBytes: 2 ** 16,
  promptTokens: [4, 8],
  prefillTokens: 16,
  elementwiseTokens: 16,
  fileBytes: 2 ** 20,
  readSeconds: 0.01,
  besideSeconds: 0.01,
  copyBytes: 2 ** 16,
  pinnedBytes: 2 ** 16,
}

function optionsOf(parts: Partial<ProfileMachineOptions> & Pick<ProfileMachineOptions, 'backends'>) {
  return {
    name: 'here',
    createDisk: (direct: boolean) => createDiskTier({ offloadDir: folder, clock: systemClock, direct }),
    machine: { cpuName: 'a processor', cpuCores: 2 },
    capacity: { ramBytes: 8e9, diskBytes: 1e9 },
    versions: { node: process.version },
    measuredAt: new Date('2026-11-26T00:00:00Z'),
    effort: little,
    ...parts,
  }
}

describe('profileMachine', () => {
  it('gives a profile that can be saved and read, and leaves nothing', async () => {
    const backend = createReferenceBackend()
    const steps: string[] = []
    const profile = await profileMachine(optionsOf({ backends: [backend], onStep: (what) => void steps.push(what) }))
    expect(parseHardwareProfile(JSON.parse(JSON.stringify(profile)), 'test')).toEqual(profile)
    expect(profile.machine).toEqual({
      device: 'host',
      deviceName: backend.device.description,
      cpuName: 'a processor',
      cpuCores: 2,
    })
    expect(profile.compute.device.backend).toBe('reference')
    const forms = profile.compute.device.matmul.map(({ weights, rows }) => `${weights} ${rows}`)
    expect(new Set(forms)).toEqual(new Set(['prepared 1', 'prepared 4', 'bound 1', 'bound 4', 'q4 1', 'q4 4']))
    expect(profile.compute.device.decodeAttention.map(({ dtype }) => dtype)).toContain('q4g64')
    expect(profile.links.hostToDevice).toBeUndefined()
    expect(profile.besideReads?.cached).toBeDefined()
    expect(steps).toEqual(['disk', 'kernels of reference', 'links', 'reading beside computing'])
    const { deviceBytes, hostBytes, preparedBytes } = backend.memory()
    expect([deviceBytes, hostBytes, preparedBytes]).toEqual([0, 0, 0])
    expect(readdirSync(folder)).toEqual([])
  })

  it('measures copies to a device with memory of its own, and what computes beside it', async () => {
    const device = createReferenceBackend({ hostVisible: false })
    const host = createReferenceBackend()
    const cardEffort = { ...little, matrices: 4, productsPerRun: 2, rows: [1, 4, 16], heads: 3 }
    const attended = new Set<number>()
    const watched = {
      ...host,
      compile: (graph: LayerGraph) => {
        for (const { kvHeads } of graph.caches) attended.add(kvHeads)
        return host.compile(graph)
      },
    }
    const profile = await profileMachine(optionsOf({ backends: [device], host: watched, cardEffort }))
    // A card carries the beginning of a step in its rates; a host attends the heads of what the card computes.
    expect(profile.compute.device.attentionRowSeconds).toBe(0)
    expect(attended).toEqual(new Set([cardEffort.heads]))
    expect(parseHardwareProfile(JSON.parse(JSON.stringify(profile)), 'test')).toEqual(profile)
    expect(profile.machine.device).toBe('gpu')
    expect(profile.links.hostToDevice!.pinned.bytesPerSecond).toBeGreaterThan(0)
    expect(profile.links.pinning!.bytesPerSecond).toBeGreaterThan(0)
    const shared = profile.shared!.map(({ links, bytesPerSecond }) => {
      for (const each of bytesPerSecond) expect(each).toBeGreaterThan(0)
      return links.join(' ')
    })
    expect(shared).toEqual(['hostToDevice deviceToHost', 'hostToDevice ramRead'])
    const rowsOf = ({ matmul }: (typeof profile)['compute']['device']): number[] => [
      ...new Set(matmul.map(({ rows }) => rows)),
    ]
    expect([rowsOf(profile.compute.device), rowsOf(profile.compute.host!)]).toEqual([
      [1, 4, 16],
      [1, 4],
    ])
    expect(profile.compute.host!.backend).toBe('reference')
    expect(profile.besideReads?.cached).toBeDefined()
    for (const backend of [device, host]) {
      const { deviceBytes, hostBytes, preparedBytes } = backend.memory()
      expect([deviceBytes, hostBytes, preparedBytes]).toEqual([0, 0, 0])
    }
  })

  it('stops when told to, and needs a backend', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(profileMachine(optionsOf({ backends: [createReferenceBackend()], signal }))).rejects.toThrow('enough')
    await expect(profileMachine(optionsOf({ backends: [] }))).rejects.toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    )
  })
})
