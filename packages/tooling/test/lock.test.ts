import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const lockModule = path.resolve(import.meta.dirname, '../../../scripts/setup/lock.mjs')

/** A process that takes the lock, notes that it is in, stays a while and notes that it is out. */
const worker = `
  import { appendFileSync } from 'node:fs'
  import { withLock } from ${JSON.stringify(lockModule)}
  const [file, log] = process.argv.slice(1)
  await withLock(file, () => {}, async () => {
    appendFileSync(log, 'in ')
    await new Promise((resolve) => setTimeout(resolve, 50))
    appendFileSync(log, 'out ')
  })`

describe('the lock of the set-up', () => {
  let folder = ''
  let file = ''
  let log = ''

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'flexgen-lock-'))
    file = path.join(folder, 'lock')
    log = path.join(folder, 'log')
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const run = () =>
    new Promise<void>((resolve) => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', worker, file, log], { stdio: 'inherit' })
      child.on('exit', () => resolve())
    })

  it('lets one process in at a time and is gone afterwards', async () => {
    await Promise.all(Array.from({ length: 4 }, run))
    expect(readFileSync(log, 'utf8')).toBe('in out '.repeat(4))
    expect(existsSync(file)).toBe(false)
  })

  it('is taken over from an owner that has died, by one of several', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    writeFileSync(file, `${pid} ${hostname()} 0`)
    await Promise.all(Array.from({ length: 3 }, run))
    expect(readFileSync(log, 'utf8')).toBe('in out '.repeat(3))
    expect(readdirSync(folder)).toEqual(['log'])
  })

  it('is taken over also where a process died while it took it over', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    writeFileSync(file, `${pid} ${hostname()} 0`)
    writeFileSync(`${file}.claim`, '')
    utimesSync(`${file}.claim`, 0, 0)
    await Promise.all(Array.from({ length: 2 }, run))
    expect(readFileSync(log, 'utf8')).toBe('in out '.repeat(2))
  })

  it('is respected while its owner lives', async () => {
    writeFileSync(file, `${process.pid} ${hostname()} 0`)
    const done = run()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(existsSync(log)).toBe(false)
    rmSync(file)
    await done
    expect(readFileSync(log, 'utf8')).toBe('in out ')
  })
})
