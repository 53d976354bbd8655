import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, scratchFolders, temporaryFolder } from './cli-process.ts'

const folder = temporaryFolder()

describe('doctor', () => {
  it('shows machine, offload directory and backends, and leaves nothing there', async () => {
    const offloadDir = path.join(folder, 'offload')
    const { code, stdout, stderr } = await runCli(['doctor', '--offload-dir', offloadDir])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(process.version)
    expect(stdout).toMatch(/\n {2}writable +yes\n/)
    expect(stdout).toContain(offloadDir)
    expect(stdout).toMatch(/\n {2}reference +works/)
    expect(scratchFolders(offloadDir)).toEqual([])
  })

  it('prints one JSON object', async () => {
    const { code, stdout } = await runCli(['doctor', '--json'])
    expect(code).toBe(0)
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(JSON.parse(stdout)).toMatchObject({
      machine: { nodeVersion: process.version, cores: expect.any(Number), memoryBytes: expect.any(Number) },
      offload: { isWritable: true, canReadDirectly: expect.any(Boolean), freeBytes: expect.any(Number) },
      backends: expect.arrayContaining([expect.objectContaining({ name: 'reference', works: true })]),
    })
  })

  it('says what is wrong with an offload directory', async () => {
    mkdirSync(path.join(folder, 'place'))
    writeFileSync(path.join(folder, 'place', 'file'), '')
    const { code, stdout } = await runCli(['doctor', '--offload-dir', path.join(folder, 'place', 'file', 'x')])
    expect(code).toBe(0)
    expect(stdout).toMatch(/writable +no/)
    expect(stdout).toMatch(/hint: choose another folder/)
  })
})
