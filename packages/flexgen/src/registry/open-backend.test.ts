import { type Backend, BackendUnavailableError, InternalError } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import type { BackendEntry } from './backends.ts'
import { openBackend } from './open-backend.ts'

const backend = (name: string): Backend => ({ name }) as Backend
const entry = (name: string, settings: BackendEntry['settings'] = []): BackendEntry => ({
  packageName: name,
  settings,
  create: () => Promise.resolve(backend(name)),
})
const broken = (error: Error, settings: BackendEntry['settings'] = []): BackendEntry => ({
  packageName: 'broken',
  settings,
  create: () => Promise.reject(error),
})
const unavailable = new BackendUnavailableError('no library')

describe('openBackend', () => {
  it('makes the named one', async () => {
    const opened = await openBackend('b', {}, { a: entry('a'), b: entry('b') })
    expect(opened).toMatchObject({ backend: { name: 'b' }, notices: [] })
  })

  it.each(['c', 'toString', '__proto__'])('knows no %s, and lists what there is', async (name) => {
    await expect(openBackend(name, {}, { a: entry('a') })).rejects.toMatchObject({
      code: 'USAGE',
      hint: 'one of: a, auto',
    })
  })

  it('never falls back from a named one', async () => {
    await expect(openBackend('a', {}, { a: broken(unavailable), b: entry('b') })).rejects.toBe(unavailable)
  })

  it('auto takes the first that works and says so', async () => {
    const opened = await openBackend('auto', {}, { a: broken(unavailable), b: entry('b'), c: entry('c') })
    expect(opened).toMatchObject({
      backend: { name: 'b' },
      notices: ['backend a does not work here: no library; fell back to b'],
    })
  })

  it('auto does not hide a bug, and fails where nothing works', async () => {
    const bug = new InternalError('a bug')
    await expect(openBackend('auto', {}, { a: broken(bug), b: entry('b') })).rejects.toBe(bug)
    await expect(openBackend('auto', {}, { a: broken(unavailable) })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('no library'),
    })
  })

  it('auto with an API takes only backends that have APIs', async () => {
    const registry = { a: broken(unavailable, ['api']), b: entry('b') }
    await expect(openBackend('auto', { api: 'c' }, registry)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
  })

  it('says which settings do not apply', async () => {
    const { notices } = await openBackend('a', { threads: 4, api: undefined }, { a: entry('a') })
    expect(notices).toEqual(["backend a has no setting 'threads': not applied"])
  })
})
