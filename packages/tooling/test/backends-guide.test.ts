import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { createToyBackend } from '../../../examples/toy-backend/src/index.ts'
import { createNativeBackend } from '../../backend-native/src/index.ts'
import { createOnnxRuntimeBackend } from '../../backend-onnxruntime/src/index.ts'
import { createFakeBackend } from '../../backend-onnxruntime/test/cuda/fake-cuda.ts'
import { createReferenceBackend } from '../../backend-reference/src/index.ts'
import { createTfjsBackend } from '../../backend-tfjs/src/index.ts'
import { isAvailable } from '../../conformance/src/index.ts'
import type { Backend } from '../../spec/src/index.ts'
import { backendsGuide, declaredBackends } from '../docs/backends-guide.ts'

const root = path.resolve(import.meta.dirname, '../../..')

/** Makes backends by their names in the table; the one for CUDA on a fake driver. */
const makers: Readonly<Record<string, () => Promise<Backend>>> = {
  native: () => createNativeBackend({ threads: 1 }),
  'onnxruntime, through its C API': () => createOnnxRuntimeBackend({ api: 'c' }),
  'onnxruntime, through its JavaScript API': () => createOnnxRuntimeBackend({ api: 'js' }),
  'onnxruntime-cuda': createFakeBackend,
  'tfjs, every engine': () => createTfjsBackend({ engine: 'cpu' }),
  reference: async () => createReferenceBackend(),
  'toy, of the guide': async () => createToyBackend(),
}
const here = await Promise.all(
  Object.entries(makers).map(async ([name, create]) => ({ name, create, works: await isAvailable(name, create) })),
)

describe('docs/backends.md', () => {
  it('is up to date: node --conditions=@flexgen/source packages/tooling/docs/write-backends-guide.ts', () => {
    expect(readFileSync(path.join(root, 'docs/backends.md'), 'utf8')).toBe(backendsGuide())
  })

  it.each(here.filter(({ works }) => works))('says of $name what it says itself', async ({ name, create }) => {
    await using backend = await create()
    const declared = declaredBackends.find((candidate) => candidate.name === name)
    expect(declared).toMatchObject({ capabilities: backend.capabilities, hasViews: backend.viewCache !== undefined })
  })
})

describe('tests of conformance', () => {
  const files = globSync('packages/backend-*/test/conformance.test.ts', { cwd: root })

  it('are there for every backend, and shorter than 30 lines', () => {
    const packages = globSync('packages/backend-*/src/index.ts', { cwd: root }).map((file) => file.split(path.sep)[1]!)
    const backends = packages.filter((name) => name !== 'backend-kit' && !name.startsWith('backend-native-'))
    expect(new Set(files.map((file) => file.split(path.sep)[1]))).toEqual(new Set(backends))
    const long = [...files, 'examples/toy-backend/test/conformance.ts'].filter(
      (file) => readFileSync(path.join(root, file), 'utf8').trimEnd().split('\n').length >= 30,
    )
    expect(long).toEqual([])
  })
})
