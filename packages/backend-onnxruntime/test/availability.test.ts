import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const backend = path.join(import.meta.dirname, '..')
const packages = ['koffi', 'onnxruntime-node'] as const
const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** Opens the backend with every API where only some optional packages are installed, in a process of its own. */
function openWhere(installed: readonly (typeof packages)[number][]): Record<'auto' | 'c' | 'js', object> {
  const root = mkdtempSync(path.join(tmpdir(), 'flexgen-ort-'))
  folders.push(root)
  const link = (name: string, target: string): void => {
    const place = path.join(root, 'node_modules', name)
    mkdirSync(path.dirname(place), { recursive: true })
    symlinkSync(target, place, 'junction')
  }
  cpSync(path.join(backend, 'src'), path.join(root, 'backend'), { recursive: true })
  link('@flexgen/backend-kit', path.join(backend, '../backend-kit'))
  link('@flexgen/spec', path.join(backend, '../spec'))
  for (const name of ['@bufbuild/protobuf', ...installed]) link(name, folderOf(name))
  writeFileSync(path.join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(
    path.join(root, 'script.ts'),
    `
    import { createOnnxRuntimeBackend } from './backend/index.ts'
    const results = {}
    for (const api of ['auto', 'c', 'js']) {
      try {
        await using backend = await createOnnxRuntimeBackend({ api, threads: 2 })
        results[api] = { notices: backend.notices, asyncCopies: backend.capabilities.asyncCopies }
      } catch ({ code, message, hint }) {
        results[api] = { code, message, hint }
      }
    }
    console.log(JSON.stringify(results))`,
  )
  // A package manager may have pointed NODE_PATH at what is installed here.
  const { ORT_LIBRARY: _, NODE_PATH: __, ...env } = process.env
  const args = ['--conditions=@flexgen/source', 'script.ts']
  return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', env }))
}

/** Folder of an installed package; not all of them export their package.json. */
function folderOf(name: string): string {
  const places = createRequire(path.join(backend, 'package.json')).resolve.paths(name)!
  return places.map((place) => path.join(place, name)).find((folder) => existsSync(folder))!
}

const hint = expect.stringContaining('ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node')
const noKoffi = {
  code: 'BACKEND_UNAVAILABLE',
  message: expect.stringContaining('koffi'),
  hint: expect.stringContaining('npm install koffi'),
}
const noPackage = {
  code: 'BACKEND_UNAVAILABLE',
  message: expect.stringContaining('onnxruntime-node is not installed'),
  hint,
}

describe('opening the backend', () => {
  it('names every package that is missing, with the command that installs it', () => {
    const { auto, c, js } = openWhere([])
    expect(c).toEqual(noKoffi)
    expect(js).toEqual(noPackage)
    expect(auto).toMatchObject({ code: 'BACKEND_UNAVAILABLE', hint: noKoffi.hint })
    expect(auto).toMatchObject({ message: expect.stringMatching(/koffi.*onnxruntime-node/) })
  })

  it('asks for onnxruntime-node where only koffi is there', () => {
    const { auto, c, js } = openWhere(['koffi'])
    expect(c).toEqual(noPackage)
    expect(js).toEqual(noPackage)
    expect(auto).toMatchObject({ code: 'BACKEND_UNAVAILABLE', hint })
  })

  it('falls back to the JavaScript API with auto alone, and says why and what it costs', () => {
    const { auto, c, js } = openWhere(['onnxruntime-node'])
    expect(c).toEqual(noKoffi)
    const widened = expect.stringMatching(/JavaScript API .* float32, half weights are widened at every run/)
    expect(js).toEqual({ notices: [widened], asyncCopies: false })
    const why = expect.stringMatching(
      /C API of ONNX Runtime does not work here \(koffi.*fell back to the JavaScript API/,
    )
    expect(auto).toEqual({ notices: [why, widened], asyncCopies: false })
  })

  it('takes the C API where both are there', () => {
    const { auto, js } = openWhere(['koffi', 'onnxruntime-node'])
    expect(auto).toEqual({
      notices: [],
      asyncCopies: true,
    })
    expect(js).toMatchObject({ asyncCopies: false })
  })
})
