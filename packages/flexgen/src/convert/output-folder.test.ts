import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type * as promises from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openOutputFolder, type OutputFolderOptions } from './output-folder.ts'

const disk = vi.hoisted(() => ({ freeBytes: 1e15 }))
vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof promises>()),
  statfs: () => Promise.resolve({ bavail: disk.freeBytes, bsize: 1 }),
}))

let parent = ''
beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), 'flexgen-output-'))
  disk.freeBytes = 1e15
})
afterEach(() => rmSync(parent, { recursive: true }))

const open = (name: string, options: Partial<OutputFolderOptions> = {}) =>
  openOutputFolder(path.join(parent, name), { original: undefined, force: false, neededBytes: 1, ...options })

/** Makes a folder with a conversion of some content. */
async function convert(name: string, content: string, force = false): Promise<void> {
  await using folder = await open(name, { force })
  writeFileSync(path.join(folder.path, 'config.json'), '{"quantization_config":{"quant_method":"flexgen"}}')
  writeFileSync(path.join(folder.path, 'model.safetensors'), content, { mode: 0o600 })
  expect(await folder.finish()).toEqual(['config.json', 'model.safetensors'])
}

const contentOf = (name: string): string => readFileSync(path.join(parent, name, 'model.safetensors'), 'utf8')

describe('an output folder', () => {
  it('appears when it is finished, readable for others, and nothing else is left', async () => {
    const folder = await open('a/b')
    expect(existsSync(path.join(parent, 'a/b'))).toBe(false)
    writeFileSync(path.join(folder.path, 'x'), '', { mode: 0o600 })
    await folder.finish()
    await folder[Symbol.asyncDispose]()
    expect(readdirSync(path.join(parent, 'a'))).toEqual(['b'])
    expect(statSync(path.join(parent, 'a/b/x')).mode & 0o777).toBe(0o644)
  })

  it('that is not finished leaves nothing', async () => {
    const folder = await open('a')
    writeFileSync(path.join(folder.path, 'x'), '')
    await folder[Symbol.asyncDispose]()
    expect(readdirSync(parent)).toEqual([])
    const stopped = await open('a')
    await expect(stopped.finish(AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' })
    await stopped[Symbol.asyncDispose]()
    expect(readdirSync(parent)).toEqual([])
  })

  it('replaces a conversion on request only, and an empty folder', async () => {
    mkdirSync(path.join(parent, 'a'))
    await convert('a', 'first')
    await expect(open('a')).rejects.toMatchObject({ code: 'USAGE', hint: expect.stringContaining('--force') })
    expect(contentOf('a')).toBe('first')
    await convert('a', 'second', true)
    expect(contentOf('a')).toBe('second')
    expect(readdirSync(parent)).toEqual(['a'])
  })

  it('never replaces what is no conversion', async () => {
    mkdirSync(path.join(parent, 'mine'))
    writeFileSync(path.join(parent, 'mine', 'config.json'), '{"model_type":"opt"}')
    writeFileSync(path.join(parent, 'file'), '')
    for (const name of ['mine', 'file', '.'])
      await expect(open(name, { force: true })).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining('no converted model'),
      })
  })

  it('is not the original, nor in it, nor around it', async () => {
    const original = path.join(parent, 'a')
    mkdirSync(original)
    for (const name of ['a', 'a/b', '.'])
      await expect(open(name, { original, force: true })).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining('--model and --output'),
      })
  })

  it('needs room on the disk before it is made', async () => {
    disk.freeBytes = 100e6
    await (await open('a', { neededBytes: 90e6 }))[Symbol.asyncDispose]()
    const opening = open('a', { neededBytes: 100e6 })
    await expect(opening).rejects.toMatchObject({ code: 'OUT_OF_DISK', message: expect.stringContaining('100 MB are') })
    expect(readdirSync(parent)).toEqual([])
  })

  it('removes what killed conversions left, and nothing of those that run', async () => {
    const left = (id: number | string): string => path.join(parent, `.a.partial-${hostname()}-${id}`)
    for (const id of [`${process.pid}-99`, '4194305-0', 'x', `${process.ppid}-0`]) mkdirSync(left(id))
    const runs = await open('a')
    expect(readdirSync(parent).toSorted()).toEqual(
      [left(`${process.ppid}-0`), runs.path].map((each) => path.basename(each)).toSorted(),
    )
    const other = await open('a')
    expect(existsSync(runs.path)).toBe(true)
    await runs[Symbol.asyncDispose]()
    await other[Symbol.asyncDispose]()
  })

  it('says where it cannot be made', async () => {
    writeFileSync(path.join(parent, 'file'), '')
    await expect(open('file/a')).rejects.toMatchObject({ code: 'NOT_WRITABLE' })
  })
})
