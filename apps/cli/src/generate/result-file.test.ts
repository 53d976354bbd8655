import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openResultFile } from './result-file.ts'

let folder = ''
beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), 'flexgen-results-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const out = { writeLine: () => undefined }
const line = (index: number) => ({ index, promptIds: [index], ids: [1], finishReason: 'length' }) as const
const textOf = (...indexes: number[]): string => indexes.map((index) => `${JSON.stringify(line(index))}\n`).join('')
const place = (): string => path.join(folder, 'out.jsonl')
const written = (): string => readFileSync(place(), 'utf8')

describe('a file of results', () => {
  it('has the lines of a sweep at the end of the next one, and all of them at last', async () => {
    const file = await openResultFile(place(), out)
    await file.add(line(0))
    await file.add(line(1))
    expect(written()).toBe('')
    await file.sync()
    await file.add(line(2))
    await file.sync()
    expect(written().startsWith(textOf(0, 1))).toBe(true)
    await file.add(line(3))
    await file[Symbol.asyncDispose]()
    expect(written()).toBe(textOf(0, 1, 2, 3))
  })

  it('gives the whole lines of an older run, goes on behind them, and forgets a torn one', async () => {
    writeFileSync(place(), `${textOf(4, 5)}{"index":6,"prom`)
    await using file = await openResultFile(place(), out)
    expect(await file.recover()).toEqual([line(4), line(5)])
    await file.add(line(6))
    await file.sync()
    await file.sync()
    expect(written()).toBe(textOf(4, 5, 6))
    await file.clear()
    expect(written()).toBe('')
  })

  it.runIf(existsSync('/dev/full'))('writes at once where somebody may wait for it, and says what fails', async () => {
    const file = await openResultFile('/dev/full', out)
    await expect(file.add(line(0))).rejects.toMatchObject({ code: 'OUT_OF_DISK' })
    await file[Symbol.asyncDispose]()
  })

  it('is standard output where it is -', async () => {
    const lines: (string | undefined)[] = []
    const file = await openResultFile('-', { writeLine: (text) => void lines.push(text) })
    await file.add(line(7))
    expect(lines).toEqual([JSON.stringify(line(7))])
  })
})
