import { describe, expect, it } from 'vitest'
import { runCli } from './cli-process.ts'
import { hasNative } from './native-here.ts'

interface Printed {
  readonly outputs: readonly { readonly ids: readonly number[] }[]
  readonly report: { readonly backend: string; readonly computeDtype: string; readonly notices: readonly string[] }
}

async function generate(...args: readonly string[]): Promise<Printed> {
  const prompts = ['--prompt', 'My fellow citizens', '--prompt', 'Call me Ishmael.']
  const sizes = ['--gen-len', '6', '--percent', '0', '50', '0', '100', '0', '100', '--json']
  const { code, stdout, stderr } = await runCli(['generate', ...prompts, ...sizes, ...args])
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Printed
}

describe.skipIf(!hasNative)('the host kernels on the command line', () => {
  it('compute by themselves with auto, in the dtype of the weights, and the report says why', async () => {
    const { report } = await generate()
    expect(report).toMatchObject({ backend: 'native', computeDtype: 'float16' })
    expect(report.notices).toContainEqual(expect.stringMatching(/^auto took native: /))
  })

  it('attend on the host beside other backends, with the ids that these give alone', async () => {
    const float32 = ['--dtype', 'float32']
    const expected = (await generate('--backend', 'reference', ...float32)).outputs
    expect((await generate('--backend', 'native', ...float32)).outputs).toEqual(expected)
    for (const backend of ['reference', 'onnxruntime']) {
      const beside = ['--backend', backend, '--host-backend', 'native', '--cpu-cache-compute']
      expect((await generate(...beside, ...float32)).outputs).toEqual(expected)
    }
  })

  it('are named by the demo', async () => {
    const { code, stdout } = await runCli(['demo', '--host-backend', 'native'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/\nBackend: native \(/)
    expect(stdout).toContain('\nnote: auto took native: ')
  })
})
