import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, scratchFolders, temporaryFolder } from './cli-process.ts'
import { hasNative } from './native-here.ts'

const folder = temporaryFolder()

describe('doctor', () => {
  it('shows machine, offload directory and backends, and leaves nothing there', async () => {
    const offloadDir = path.join(folder, 'offload')
    const { code, stdout, stderr } = await runCli(['doctor', '--offload-dir', offloadDir])
    // Libraries that are tried may write there themselves, such as WebGPU's where there is no Vulkan.
    expect({ code, isOurs: stderr.includes('flexgen:') }).toEqual({ code: 0, isOurs: false })
    expect(stdout).toContain(process.version)
    expect(stdout).toMatch(/\n {2}writable +yes\n/)
    expect(stdout).toContain(offloadDir)
    expect(stdout).toMatch(/\n {2}reference +works/)
    expect(scratchFolders(offloadDir)).toEqual([])
  })

  it('says what would help where the host kernels can be neither found nor compiled', async () => {
    const env = { PATH: folder, FLEXGEN_NATIVE_CACHE: path.join(folder, 'kernels') }
    const { code, stdout } = await runCli(['doctor'], { env })
    expect(code).toBe(0)
    expect(stdout).toMatch(/\n {2}native +no\n[^\n]*nor a C compiler\n +hint: install a C compiler/)
  })

  it.skipIf(!hasNative)('says which host kernels are taken, where they come from, and what else there is', async () => {
    const { stdout } = await runCli(['doctor'], { env: { FLEXGEN_NATIVE_LEVEL: 'portable' } })
    expect(stdout).toMatch(/\n {2}native +works .*host kernels for portable\n +host kernels for portable, library /)
    expect(stdout).toMatch(/\n +this processor has [^\n]*portable; it lacks /)
    const { stdout: json } = await runCli(['doctor', '--json'])
    const { backends } = JSON.parse(json) as { backends: { name: string }[] }
    expect(backends.find(({ name }) => name === 'native')).toMatchObject({
      works: true,
      levels: expect.arrayContaining(['portable']),
      missingLevels: expect.any(Array),
    })
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
