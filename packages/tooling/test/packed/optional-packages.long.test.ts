import { copyFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { copyDemoModel, createPackageProject, hasHostKernels, runNode } from './package-project.ts'

const model = 'models/opt-125m'

/** Every way to ask for an optional package; all of them together are what the others still do without it. */
const requests = {
  demo: { backend: 'reference' },
  checkpoint: { model, backend: 'reference' },
  ...(hasHostKernels && { native: { model, backend: 'native' } }),
  onnxruntime: { model, backend: 'onnxruntime' },
  'tfjs:wasm': { model, backend: 'tfjs:wasm' },
  'tfjs:cpu': { model, backend: 'tfjs:cpu' },
  auto: { model, backend: 'auto' },
}

/** The optional packages of flexgen and of its backends: who asks for them, and what the error says. */
const optional: Record<string, { readonly asks: readonly string[]; readonly install: string; readonly code?: string }> =
  {
    '@flexgen/demo-model': { asks: ['demo'], install: 'npm install @flexgen/demo-model' },
    '@flexgen/opt': { asks: Object.keys(requests), install: 'npm install @flexgen/opt' },
    '@flexgen/backend-reference': { asks: ['demo', 'checkpoint'], install: 'npm install @flexgen/backend-reference' },
    ...(hasHostKernels && {
      '@flexgen/backend-native': { asks: ['native'], install: 'npm install @flexgen/backend-native' },
    }),
    '@flexgen/backend-onnxruntime': { asks: ['onnxruntime'], install: 'npm install @flexgen/backend-onnxruntime' },
    '@flexgen/backend-tfjs': { asks: ['tfjs:wasm', 'tfjs:cpu'], install: 'npm install @flexgen/backend-tfjs' },
    'onnxruntime-node@1.30': {
      asks: ['onnxruntime'],
      install: 'npm install onnxruntime-node',
      code: 'BACKEND_UNAVAILABLE',
    },
    '@tensorflow/tfjs-core@4.22.0': {
      asks: ['tfjs:wasm', 'tfjs:cpu'],
      install: 'npm install @tensorflow/tfjs-core@4.22.0',
      code: 'BACKEND_UNAVAILABLE',
    },
    '@tensorflow/tfjs-backend-wasm@4.22.0': {
      asks: ['tfjs:wasm'],
      install: '@tensorflow/tfjs-backend-wasm@4.22.0',
      code: 'BACKEND_UNAVAILABLE',
    },
  }

/** What cannot be left out alone: the engine `wasm` brings `cpu` with it. */
const broughtByOthers = ['@tensorflow/tfjs-backend-cpu@4.22.0']

type Result = Record<string, { text?: string; code?: string; exitCode?: number; hint?: string }>

/** What comes of all requests in a project with everything but one package, and without some that others bring. */
async function probe(missing: string, without: readonly string[] = []): Promise<Result> {
  const packages = ['flexgen', ...broughtByOthers, ...Object.keys(optional).filter((name) => name !== missing)]
  using project = await createPackageProject(packages, without)
  copyDemoModel(path.join(project.folder, model))
  copyFileSync(path.join(import.meta.dirname, 'probe.mjs'), path.join(project.folder, 'probe.mjs'))
  const args = ['probe.mjs', JSON.stringify(requests)]
  const { stdout, stderr } = await runNode(process.execPath, args, project.folder)
  expect({ stdout, stderr }).not.toMatchObject({ stdout: '' })
  return JSON.parse(stdout) as Result
}

/** A case that went well. */
const text = { text: expect.stringMatching(/\S/) as string }

it('does all that is asked with everything installed, the same on all backends', async () => {
  const results = await probe('nothing')
  expect(results).toEqual(Object.fromEntries(Object.keys(requests).map((name) => [name, results['checkpoint']])))
  expect(results['checkpoint']).toEqual(text)
})

it.concurrent.each(Object.entries(optional))(
  'misses nothing but what needs it without %s, and says how it is installed',
  async (missing, { asks, install, code = 'PACKAGE_NOT_FOUND' }) => {
    const error = { code, exitCode: 5, hint: expect.stringContaining(install) as string }
    const expected = Object.keys(requests).map((name) => [name, asks.includes(name) ? error : text])
    expect(await probe(missing)).toEqual(Object.fromEntries(expected))
  },
)

it('computes without native code of others: koffi, which reads around caches and calls libraries', async () => {
  const results = await probe('nothing', ['koffi'])
  for (const name of ['demo', 'checkpoint', 'onnxruntime', 'tfjs:wasm', 'auto']) expect(results[name]).toEqual(text)
})

it('is exit code 5 with the install command on the command line', async () => {
  using project = await createPackageProject(['@flexgen/cli'])
  const main = 'node_modules/@flexgen/cli/dist/main.js'
  for (const [backend, install] of [
    ['tfjs', 'hint: npm install @flexgen/backend-tfjs'],
    ['onnxruntime', 'npm install onnxruntime-node'],
  ] as const) {
    const { status, stdout, stderr } = await project.run(main, process.execPath, [
      'generate',
      '--prompt',
      'x',
      '--backend',
      backend,
    ])
    expect({ backend, status, stdout }).toEqual({ backend, status: 5, stdout: '' })
    expect(stderr).toContain(install)
  }
})
