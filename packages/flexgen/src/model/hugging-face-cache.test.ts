import { nodeFileSystem } from '@flexgen/spec'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findInHuggingFaceCache, huggingFaceHubFolder } from './hugging-face-cache.ts'

let hub = ''
beforeEach(() => void (hub = mkdtempSync(path.join(tmpdir(), 'flexgen-hub-'))))
afterEach(() => rmSync(hub, { recursive: true, force: true }))

/** Makes a cached model with snapshots, and `refs/main` where a revision is given. */
function cached(folder: string, snapshots: readonly string[], main?: string): void {
  for (const revision of snapshots) mkdirSync(path.join(hub, folder, 'snapshots', revision), { recursive: true })
  if (main === undefined) return
  mkdirSync(path.join(hub, folder, 'refs'), { recursive: true })
  writeFileSync(path.join(hub, folder, 'refs', 'main'), main)
}

const find = (name: string) => findInHuggingFaceCache(name, hub, nodeFileSystem)
const snapshot = (folder: string, revision: string): string => path.join(hub, folder, 'snapshots', revision)

describe('Hugging Face cache', () => {
  it('takes the revision of refs/main', async () => {
    cached('models--facebook--opt-125m', ['aaa', 'bbb'], 'bbb\n')
    await expect(find('facebook/opt-125m')).resolves.toBe(snapshot('models--facebook--opt-125m', 'bbb'))
  })

  it('takes the only snapshot where there is no refs/main, and none of several', async () => {
    cached('models--a--one', ['aaa'])
    cached('models--a--two', ['aaa', 'bbb'])
    await expect(find('a/one')).resolves.toBe(snapshot('models--a--one', 'aaa'))
    await expect(find('a/two')).resolves.toBeUndefined()
  })

  it('finds a name without its organisation, but not half a name', async () => {
    cached('models--facebook--opt-125m', ['aaa'], 'aaa')
    cached('models--gpt2', ['ccc'], 'ccc')
    await expect(find('opt-125m')).resolves.toBe(snapshot('models--facebook--opt-125m', 'aaa'))
    await expect(find('gpt2')).resolves.toBe(snapshot('models--gpt2', 'ccc'))
    await expect(find('125m')).resolves.toBeUndefined()
    await expect(find('other/opt-125m')).resolves.toBeUndefined()
  })

  it('asks which one where several organisations have the name', async () => {
    cached('models--one--opt', ['aaa'], 'aaa')
    cached('models--two--opt', ['aaa'], 'aaa')
    await expect(find('opt')).rejects.toMatchObject({ code: 'USAGE', hint: expect.stringContaining('one/opt') })
  })

  it.each(['../../x', '..', '/etc', '', 'gone'])('does not follow refs/main to %j', async (revision) => {
    cached('models--a--b', ['aaa', 'bbb'], revision)
    await expect(find('a/b')).resolves.toBeUndefined()
  })

  it('has nothing where there is no cache', async () => {
    await expect(findInHuggingFaceCache('a/b', path.join(hub, 'none'), nodeFileSystem)).resolves.toBeUndefined()
  })

  it('looks where the variables of huggingface_hub say', () => {
    expect(huggingFaceHubFolder({ HF_HUB_CACHE: '/x', HF_HOME: '/y' })).toBe('/x')
    expect(huggingFaceHubFolder({ HF_HOME: '/y' })).toBe(path.join('/y', 'hub'))
    expect(huggingFaceHubFolder({ XDG_CACHE_HOME: '/z' })).toBe(path.join('/z', 'huggingface', 'hub'))
    expect(huggingFaceHubFolder({})).toMatch(/\.cache.huggingface.hub$/)
  })
})
