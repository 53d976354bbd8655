import { engineNames } from '@flexgen/backend-tfjs'
import { type Backend, BackendUnavailableError, InternalError } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { type BackendEntry, backends } from './backends.ts'
import { openBackend } from './open-backend.ts'

const backend = (name: string): Backend => ({ name }) as Backend
const entry = (name: string, settings: BackendEntry['settings'] = []): BackendEntry => ({
  packageName: name,
  merit: `${name} is good`,
  settings,
  create: () => Promise.resolve(backend(name)),
})
const broken = (error: Error, settings: BackendEntry['settings'] = []): BackendEntry => ({
  packageName: 'broken',
  merit: 'never seen',
  settings,
  create: () => Promise.reject(error),
})
const unavailable = new BackendUnavailableError('no library', { hint: 'build one' })

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

  it('says which settings do not apply', async () => {
    const { notices } = await openBackend('a', { threads: 4, api: undefined }, { a: entry('a') })
    expect(notices).toEqual(["backend a has no setting 'threads': not applied"])
  })
})

describe('openBackend with an engine', () => {
  const asked: (string | undefined)[] = []
  const create: BackendEntry['create'] = ({ engine }) => {
    asked.push(engine)
    return Promise.resolve(backend('a'))
  }
  const registry = { a: { ...entry('a', ['engine']), engines: ['fast', 'slow'], create }, b: entry('b') }

  it('makes the backend on that engine, or on its own choice', async () => {
    for (const name of ['a', 'a:slow', 'a:fast'])
      expect(await openBackend(name, {}, registry)).toMatchObject({ backend: { name: 'a' }, notices: [] })
    expect(asked).toEqual([undefined, 'slow', 'fast'])
  })

  it('knows the engines of a backend, and lists them', async () => {
    const hint = 'one of: a:fast, a:slow'
    for (const name of ['a:', 'a:lost', 'a:fast:slow'])
      await expect(openBackend(name, {}, registry)).rejects.toMatchObject({ code: 'USAGE', hint })
    await expect(openBackend('b:fast', {}, registry)).rejects.toMatchObject({
      code: 'USAGE',
      hint: 'one of: a, b, auto',
    })
  })

  it('lists the engines that tfjs has', () => {
    expect(backends['tfjs']!.engines!.toSorted()).toEqual(engineNames.toSorted())
  })
})

describe('openBackend with auto', () => {
  it('takes the first, and says why', async () => {
    const { backend: opened, notices } = await openBackend('auto', {}, { a: entry('a'), b: entry('b') })
    expect({ name: opened.name, notices }).toEqual({ name: 'a', notices: ['auto took a: a is good'] })
  })

  it('takes the first that works and says what did not, and what would help', async () => {
    const opened = await openBackend('auto', {}, { a: broken(unavailable), b: entry('b'), c: entry('c') })
    expect(opened).toMatchObject({
      backend: { name: 'b' },
      notices: ['backend a does not work here: no library; fell back to b (to use it: build one)'],
    })
  })

  it('does not hide a bug, and fails where nothing works', async () => {
    const bug = new InternalError('a bug')
    await expect(openBackend('auto', {}, { a: broken(bug), b: entry('b') })).rejects.toBe(bug)
    await expect(openBackend('auto', {}, { a: broken(unavailable) })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('no library'),
    })
  })

  it('takes only backends that have APIs where one is asked for', async () => {
    const registry = { a: entry('a'), b: broken(unavailable, ['api']), c: entry('c', ['api']) }
    expect((await openBackend('auto', { api: 'c' }, registry)).backend.name).toBe('c')
    const none = { a: entry('a'), b: broken(unavailable, ['api']) }
    await expect(openBackend('auto', { api: 'c' }, none)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
  })

  it('tries what is preferred first, for its reason, and the others behind in their order', async () => {
    const preference = { names: ['c', 'unknown', 'b'], reason: 'measured here' }
    const all = { a: entry('a'), b: entry('b'), c: entry('c') }
    expect((await openBackend('auto', {}, all, preference)).notices).toEqual(['auto took c: measured here'])
    const withoutC = { ...all, c: broken(unavailable) }
    expect((await openBackend('auto', {}, withoutC, preference)).backend.name).toBe('b')
    const onlyA = { ...withoutC, b: broken(unavailable) }
    expect((await openBackend('auto', {}, onlyA, preference)).backend.name).toBe('a')
  })
})

it('auto tries the fastest on a host without a GPU first', () => {
  expect(Object.keys(backends).slice(0, 2)).toEqual(['native', 'onnxruntime'])
})
