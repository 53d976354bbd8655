import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { nodeFileSystem, StorageError } from '@flexgen/spec'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFaultyFileSystem } from './faulty-file-system.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'flexgen-faulty-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function makeFile(name: string, sizeBytes = 10): Promise<string> {
  const file = path.join(folder, name)
  await writeFile(
    file,
    Uint8Array.from({ length: sizeBytes }, (_, i) => i),
  )
  return file
}

describe('a file system without faults', () => {
  it('does what the inner one does and counts', async () => {
    const files = createFaultyFileSystem(nodeFileSystem, {})
    const file = await makeFile('plain')
    const handle = await files.open(file, 'read')
    const target = new Uint8Array(10)
    expect(await handle.read(target, 2)).toBe(8)
    expect([...target.subarray(0, 8)]).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
    expect(files.openCount()).toBe(1)
    await handle.close()
    expect(files.openCount()).toBe(0)
    expect(await files.stat(file)).toEqual({ kind: 'file', sizeBytes: 10 })
    expect(files.calls.get('read')).toBe(1)
    expect(files.injectedCount()).toBe(0)
  })
})

describe('faults', () => {
  it('fail the n-th call of a kind, once or several times, with a system error', async () => {
    const file = await makeFile('nth')
    const files = createFaultyFileSystem(nodeFileSystem, {
      faults: [{ on: 'read', nth: 2, times: 2, effect: { kind: 'error', code: 'EIO' } }],
    })
    const handle = await files.open(file, 'read')
    const read = (): Promise<number> => handle.read(new Uint8Array(3), 0)
    expect(await read()).toBe(3)
    await expect(read()).rejects.toMatchObject({ code: 'EIO', syscall: 'read', errno: -5 })
    await expect(read()).rejects.toMatchObject({ code: 'EIO' })
    expect(await read()).toBe(3)
    await handle.close()
    expect(files.injectedCount()).toBe(2)
  })

  it('meet only the files that they name', async () => {
    const [good, bad] = [await makeFile('good'), await makeFile('bad')]
    const files = createFaultyFileSystem(nodeFileSystem, {
      faults: [{ on: 'open', path: 'bad', effect: { kind: 'error', code: 'ENOENT' } }],
    })
    await (await files.open(good, 'read')).close()
    const error = await files.open(bad, 'read').catch((cause: unknown) => StorageError.from(cause, `read ${bad}`))
    expect(error).toMatchObject({ code: 'FILE_NOT_FOUND' })
  })

  it('shorten reads and writes', async () => {
    const file = await makeFile('short')
    const files = createFaultyFileSystem(nodeFileSystem, {
      faults: [
        { on: 'read', effect: { kind: 'short', sizeBytes: 2 } },
        { on: 'write', effect: { kind: 'short', sizeBytes: 1 } },
      ],
    })
    const handle = await files.open(file, 'read-write')
    expect(await handle.write(Uint8Array.of(99, 98), 0)).toBe(1)
    const target = new Uint8Array(5)
    expect(await handle.read(target, 0)).toBe(2)
    await handle.close()
    expect([...target]).toEqual([99, 1, 0, 0, 0])
  })

  it('tear writes', async () => {
    const file = await makeFile('torn')
    const files = createFaultyFileSystem(nodeFileSystem, {
      faults: [{ on: 'write', nth: 1, effect: { kind: 'torn', sizeBytes: 2, code: 'ENOSPC' } }],
    })
    const handle = await files.open(file, 'read-write')
    await expect(handle.write(Uint8Array.of(99, 98, 97), 0)).rejects.toMatchObject({ code: 'ENOSPC' })
    await handle.close()
    expect([...(await readFile(file)).subarray(0, 4)]).toEqual([99, 98, 2, 3])
  })

  it('delay calls', async () => {
    const files = createFaultyFileSystem(nodeFileSystem, {
      faults: [{ on: 'stat', effect: { kind: 'delay', durationMs: 25 } }],
    })
    const start = performance.now()
    await files.stat(folder)
    expect(performance.now() - start).toBeGreaterThan(20)
  })

  it('cut files off, wherever their size shows', async () => {
    const file = await makeFile('cut')
    const files = createFaultyFileSystem(nodeFileSystem, { truncated: { cut: 4 } })
    expect((await files.stat(file))?.sizeBytes).toBe(4)
    expect((await files.readFile(file)).byteLength).toBe(4)
    const handle = await files.open(file, 'read')
    expect(await handle.sizeBytes()).toBe(4)
    expect(await handle.read(new Uint8Array(10), 1)).toBe(3)
    expect(await handle.read(new Uint8Array(10), 4)).toBe(0)
    await handle.close()
  })
})
