import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type EngineName, engineNames } from '../src/index.ts'

const backend = path.join(import.meta.dirname, '..')
const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** What tfjs-node does where its install script did not run. */
const withoutLibrary = `throw new Error("The Node.js native addon module (tfjs_binding.node) can not be found at path: /x.\\nPlease run command")`

/** Opens every engine where only some packages are installed, in a process of its own. */
function openWhere(installed: readonly string[], written: Readonly<Record<string, string>> = {}): Results {
  const root = mkdtempSync(path.join(tmpdir(), 'flexgen-tfjs-'))
  folders.push(root)
  const place = (name: string): string => {
    const folder = path.join(root, 'node_modules', name)
    mkdirSync(path.dirname(folder), { recursive: true })
    return folder
  }
  cpSync(path.join(backend, 'src'), path.join(root, 'backend'), { recursive: true })
  for (const name of ['@flexgen/backend-kit', '@flexgen/spec', ...installed])
    symlinkSync(realpathSync(path.join(backend, 'node_modules', name)), place(name), 'junction')
  for (const [name, code] of Object.entries(written)) {
    mkdirSync(place(name))
    writeFileSync(path.join(place(name), 'index.js'), code)
  }
  writeFileSync(path.join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(
    path.join(root, 'script.ts'),
    `
    import { createTfjsBackend, engineNames } from './backend/index.ts'
    const results = {}
    for (const engine of [...engineNames, 'abacus']) {
      try {
        await using backend = await createTfjsBackend({ engine })
        results[engine] = { name: backend.name }
      } catch ({ code, message, hint }) {
        results[engine] = { code, message, hint }
      }
    }
    console.log(JSON.stringify(results))`,
  )
  // A package manager may have pointed NODE_PATH at what is installed here.
  const { NODE_PATH: _, ...env } = process.env
  const args = ['--conditions=@flexgen/source', 'script.ts']
  return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', env })) as Results
}

type Results = Readonly<Record<EngineName | 'abacus', object>>

const missing = (name: string): object => ({
  code: 'BACKEND_UNAVAILABLE',
  message: `${name} is not installed`,
  hint: expect.stringContaining(name),
})

describe('opening an engine', () => {
  it('names the package that is missing, with the command that installs it', () => {
    const results = openWhere([])
    expect(results).toMatchObject({
      cpu: missing('@tensorflow/tfjs-core'),
      wasm: missing('@tensorflow/tfjs-core'),
      node: missing('@tensorflow/tfjs-node'),
      'node-gpu': missing('@tensorflow/tfjs-node-gpu'),
      webgpu: missing('@tensorflow/tfjs-core'),
      abacus: { code: 'USAGE', hint: `one of: ${engineNames.join(', ')}` },
    })
  })

  it('says what a package needs beside the core, and where tfjs-node has no native library', () => {
    const results = openWhere(['@tensorflow/tfjs-core'], {
      '@tensorflow/tfjs-node': withoutLibrary,
      '@tensorflow/tfjs-node-gpu': `throw new Error('out of order')`,
    })
    expect(results).toMatchObject({
      cpu: missing('@tensorflow/tfjs-backend-cpu'),
      wasm: missing('@tensorflow/tfjs-backend-wasm'),
      node: {
        code: 'BACKEND_UNAVAILABLE',
        message: expect.stringContaining('installed without its native library'),
        hint: expect.stringMatching(/npm rebuild @tensorflow\/tfjs-node.*deps\/lib.*--build-from-source/),
      },
      'node-gpu': { code: 'BACKEND_UNAVAILABLE', message: '@tensorflow/tfjs-node-gpu cannot be loaded: out of order' },
      webgpu: missing('webgpu'),
    })
  })

  it('opens what is there', () => {
    const results = openWhere([
      '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-backend-cpu',
      '@tensorflow/tfjs-backend-wasm',
    ])
    expect(results).toMatchObject({ cpu: { name: 'tfjs:cpu' }, wasm: { name: 'tfjs:wasm' } })
  })
})
