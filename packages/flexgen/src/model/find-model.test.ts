import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expandHome } from './expand-home.ts'
import { findModel } from './find-model.ts'

let root = ''
const folder = (...parts: string[]): string => path.join(root, ...parts)

beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'flexgen-find-'))
  for (const made of [
    'models/opt-1',
    'models/facebook/opt-2',
    'models/opt-3-np',
    'hub/models--facebook--opt-4/snapshots/abc',
  ]) {
    mkdirSync(folder(made), { recursive: true })
  }
  mkdirSync(folder('hub/models--facebook--opt-4/refs'))
  writeFileSync(folder('hub/models--facebook--opt-4/refs/main'), 'abc')
  writeFileSync(folder('models/file'), '')
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const find = (model?: string, searchPath?: string) =>
  findModel(model, searchPath, { env: { HF_HUB_CACHE: folder('hub') } })

describe('findModel', () => {
  it('takes a folder as it is', async () => {
    const place = { kind: 'checkpoint', name: 'opt-1', folder: folder('models/opt-1') }
    await expect(find(folder('models/opt-1'))).resolves.toEqual(place)
  })

  it.each([
    ['opt-1', 'models/opt-1'],
    ['facebook/opt-1', 'models/opt-1'],
    ['facebook/opt-2', 'models/facebook/opt-2'],
    ['facebook/opt-3', 'models/opt-3-np'],
    ['facebook/opt-4', 'hub/models--facebook--opt-4/snapshots/abc'],
    ['opt-4', 'hub/models--facebook--opt-4/snapshots/abc'],
  ])('finds %s in the search path or the Hugging Face cache', async (model, found) => {
    const place = { kind: 'checkpoint', name: path.basename(model), folder: folder(found) }
    await expect(find(model, folder('models'))).resolves.toEqual(place)
  })

  it('makes weights up where the path says _DUMMY_', async () => {
    await expect(find('facebook/opt-30b', '_DUMMY_')).resolves.toEqual({ kind: 'dummy', name: 'facebook/opt-30b' })
  })

  it('is the embedded model by name or without one', async () => {
    const demo = { kind: 'checkpoint', name: 'demo', folder: expect.stringContaining('demo-model') }
    await expect(find()).resolves.toEqual(demo)
    await expect(find('demo')).resolves.toEqual(demo)
  })

  it.each(['opt-9', 'models/file', './opt-9'])('names the places where %s was not', async (model) => {
    await expect(find(model, folder('models'))).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining(folder('hub')),
    })
  })

  it('expands the home folder, and only that', () => {
    expect(expandHome('~/x')).toBe(path.join(homedir(), 'x'))
    expect(expandHome('a~/x')).toBe(path.resolve('a~/x'))
    expect(expandHome('~other/x')).toBe(path.resolve('~other/x'))
  })
})
