import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { areKernelsSettled, compileKernels, compilersInPath } from '../../../scripts/setup/host-kernels.mjs'

let folder = ''
const said: string[] = []
const say = (text: string): void => void said.push(text)
const state = (): string => path.join(folder, 'state.json')
const compile = (): Promise<void> => compileKernels(process.execPath, say, state())

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'flexgen-kernels-'))
  said.length = 0
  vi.stubEnv('FLEXGEN_NATIVE_CACHE', path.join(folder, 'kernels'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

describe('the host kernels in the set-up', () => {
  it('go on with ONNX Runtime where there is no C compiler, say so once, and look again when there is one', async () => {
    const { PATH } = process.env
    vi.stubEnv('PATH', folder)
    expect(areKernelsSettled(state())).toBe(false)
    await compile()
    expect(said).toEqual([
      expect.stringMatching(/nor a C compiler: ONNX Runtime will compute\nhint: install a C compiler/),
    ])
    expect(areKernelsSettled(state())).toBe(true)
    vi.stubEnv('PATH', PATH)
    expect(areKernelsSettled(state())).toBe(compilersInPath().length === 0)
  })

  it('say what a compiler that fails said, and try again next time', async () => {
    vi.stubEnv('CC', process.execPath)
    await compile()
    expect(said).toEqual([
      expect.stringMatching(/cannot compile the host kernels: .*: ONNX Runtime will compute\nhint: /),
    ])
    expect(areKernelsSettled(state())).toBe(false)
    expect(readdirSync(path.join(folder, 'kernels'))).toEqual([])
  })

  it.skipIf(process.platform === 'win32')('are compiled once, and again where they are gone', async () => {
    // Makes empty files: what a compiler makes of the kernels is the matter of other tests.
    const compiler = path.join(folder, 'fake-cc')
    const script = `#!/bin/sh
[ "$1" = --version ] && echo 'fake 1.0'
while [ $# -gt 0 ]; do [ "$1" = -o ] && : > "$2"; shift; done
exit 0`
    writeFileSync(compiler, script, { mode: 0o755 })
    vi.stubEnv('CC', compiler)
    await compile()
    expect(said).toEqual([expect.stringMatching(/^compiled the host kernels in [\d.]+ s with fake 1\.0$/)])
    expect(readdirSync(path.join(folder, 'kernels'))).toEqual([
      expect.stringMatching(/^flexgen-[0-9a-f-]+\.(so|dylib)$/),
    ])
    expect(areKernelsSettled(state())).toBe(true)
    await compile()
    expect(said).toHaveLength(1)
    rmSync(path.join(folder, 'kernels'), { recursive: true })
    expect(areKernelsSettled(state())).toBe(false)
  })
})
