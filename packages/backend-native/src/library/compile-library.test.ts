import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { compileLibrary } from './compile-library.ts'
import { findLibrary } from './find-library.ts'

afterEach(() => vi.unstubAllEnvs())

it('compiles once for the same sources and compiler', async () => {
  const first = await compileLibrary()
  const { mtimeMs } = statSync(first)
  expect(await compileLibrary()).toBe(first)
  expect(statSync(first).mtimeMs).toBe(mtimeMs)
}, 120_000)

it('says what to do where there is no compiler', async () => {
  vi.stubEnv('CC', '/nowhere/cc')
  await expect(compileLibrary()).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    hint: expect.stringContaining('install a C compiler'),
  })
})

it('leaves nothing behind where the compiler fails', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-native-'))
  try {
    vi.stubEnv('FLEXGEN_NATIVE_CACHE', folder)
    await expect(compileLibrary({ sanitize: 'nothing-of-that-name' })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
    })
    expect(readdirSync(folder)).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it('does not go on where a library is named that is not there', async () => {
  await expect(findLibrary('/nowhere/flexgen.so')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
})
