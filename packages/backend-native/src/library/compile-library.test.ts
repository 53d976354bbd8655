import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { compileLibrary } from './compile-library.ts'
import { findCompiler } from './find-compiler.ts'
import { findLibrary } from './find-library.ts'

let folder = ''
beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), 'flexgen-native-'))))
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const hasCompiler = findCompiler() !== undefined
if (!hasCompiler) process.stdout.write('no C compiler here: the library of the host kernels is not compiled in tests\n')

describe.skipIf(!hasCompiler)('with a C compiler', () => {
  it('the library is compiled once for the same sources and compiler', async () => {
    const first = await compileLibrary()
    const { mtimeMs } = statSync(first)
    expect(await compileLibrary()).toBe(first)
    expect(statSync(first).mtimeMs).toBe(mtimeMs)
  }, 120_000)

  it('the library of these sources does also when the compiler is gone', async () => {
    const first = await compileLibrary()
    vi.stubEnv('CC', '/nowhere/cc')
    expect(path.dirname(await compileLibrary())).toBe(path.dirname(first))
  }, 120_000)

  it('nothing is left behind where the compiler fails', async () => {
    vi.stubEnv('FLEXGEN_NATIVE_CACHE', folder)
    await expect(compileLibrary({ sanitize: 'nothing-of-that-name' })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
    })
    expect(readdirSync(folder)).toEqual([])
  })
})

it('says what to do where there is no compiler', async () => {
  vi.stubEnv('CC', '/nowhere/cc')
  vi.stubEnv('FLEXGEN_NATIVE_CACHE', path.join(folder, 'none'))
  await expect(compileLibrary()).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    hint: expect.stringContaining('install a C compiler'),
  })
})

it('does not go on where a library is named that is not there', async () => {
  await expect(findLibrary('/nowhere/flexgen.so')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
})
