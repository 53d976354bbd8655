import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { nodeFileSystem } from './node-file-system.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-files-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('makeFolder', () => {
  it('makes what is missing on the way, also from several sides at once', async () => {
    const place = path.join(folder, 'a/b/c')
    await Promise.all([place, place, path.join(folder, 'a/b')].map((each) => nodeFileSystem.makeFolder(each)))
    await nodeFileSystem.makeFolder(place)
    expect(statSync(place).isDirectory()).toBe(true)
  })

  it('does not take a file for a folder', async () => {
    writeFileSync(path.join(folder, 'file'), '')
    await expect(nodeFileSystem.makeFolder(path.join(folder, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(nodeFileSystem.makeFolder(path.join(folder, 'file/a'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  // Where no folder can be made Node's own recursive mkdir never ends.
  it.runIf(existsSync('/proc/self'))('gives up where no folder can be made', async () => {
    await expect(nodeFileSystem.makeFolder('/proc/none/at/all')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
