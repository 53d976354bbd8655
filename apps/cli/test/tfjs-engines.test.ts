import { backends as registry } from 'flexgen'
import { describe, expect, it } from 'vitest'
import { runCli } from './cli-process.ts'

const engineNames = registry['tfjs']!.engines!

interface Report {
  readonly name: string
  readonly works: boolean
  readonly problem?: string
  readonly hint?: string
}

describe('the engines of TensorFlow.js', () => {
  it('are in doctor one by one, with what helps where one does not work', async () => {
    const { stdout } = await runCli(['doctor', '--json'])
    const { backends } = JSON.parse(stdout) as { readonly backends: readonly Report[] }
    const found = backends.filter(({ name }) => name.startsWith('tfjs:'))
    expect(found.map(({ name }) => name).toSorted()).toEqual(engineNames.map((engine) => `tfjs:${engine}`).toSorted())
    for (const { works, problem, hint } of found)
      expect({ problem, hint }).toEqual(
        works
          ? {}
          : { problem: expect.any(String), hint: expect.stringMatching(/npm (install|rebuild)|apt-get|README/) },
      )
    expect(found.filter(({ works }) => works).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['tfjs:wasm', 'tfjs:cpu']),
    )
  })

  it('write the ids of the reference, and the report says what they cannot do', async () => {
    const run = async (backend: string) => {
      const args = [
        'generate',
        '--backend',
        backend,
        '--prompt',
        'My fellow citizens',
        '--max-new-tokens',
        '6',
        '--json',
      ]
      const { code, stdout } = await runCli([...args, '--ignore-eos'])
      expect(code).toBe(0)
      return JSON.parse(stdout) as {
        readonly outputs: readonly [{ readonly ids: readonly number[] }]
        readonly report: { readonly notices: readonly string[] }
      }
    }
    const expected = await run('reference')
    for (const backend of ['tfjs:wasm', 'tfjs:cpu', 'tfjs']) {
      const { outputs, report } = await run(backend)
      expect(outputs[0].ids).toEqual(expected.outputs[0].ids)
      expect(report.notices).toContainEqual(expect.stringContaining('copies do not overlap with runs'))
    }
  })

  it('end with 5 and the command that installs one that is not there', async () => {
    const missing = `
      import { registerHooks } from 'node:module'
      const fail = (name) => { throw Object.assign(new Error(\`Cannot find package '\${name}'\`), { code: 'ERR_MODULE_NOT_FOUND' }) }
      registerHooks({ resolve: (specifier, context, next) => specifier.startsWith('@tensorflow/') ? fail(specifier) : next(specifier, context) })`
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(missing)}` }
    for (const engine of engineNames) {
      const { code, stderr } = await runCli(['generate', '--backend', `tfjs:${engine}`, '--prompt', 'x'], { env })
      expect({ code, stderr }).toEqual({
        code: 5,
        stderr: expect.stringMatching(
          /^flexgen: BACKEND_UNAVAILABLE: @tensorflow\/[^\n]* is not installed\nhint: npm install @tensorflow\/[^\n]*\n$/,
        ),
      })
    }
  })
})
