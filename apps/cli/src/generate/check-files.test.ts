import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkFiles } from './check-files.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'flexgen-files-'))
  writeFileSync(path.join(folder, 'a'), '')
  symlinkSync(path.join(folder, 'a'), path.join(folder, 'link'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('files of a run', () => {
  it.each([
    [{ input: 'a', output: 'a' }, '--input and --output'],
    [{ input: 'a', output: 'link' }, '--input and --output'],
    [{ input: 'a', trace: './x/../a' }, '--input and --trace'],
    [{ output: 'none', trace: 'none' }, '--output and --trace'],
  ])('%j are refused', (flags, message) => {
    const places = Object.fromEntries(Object.entries(flags).map(([flag, name]) => [flag, `${folder}/${name}`]))
    expect(() => checkFiles(places)).toThrow(`${message} are the same file`)
  })

  it('is refused where two outputs go to standard output', () => {
    expect(() => checkFiles({ json: true, output: '-' })).toThrow('--json and --output -')
    expect(() => checkFiles({ json: true, output: 'x' })).not.toThrow()
  })

  it('may be different ones, and standard input is none', () => {
    const [input = '', output = '', trace = ''] = ['a', 'b', 'c'].map((name) => path.join(folder, name))
    expect(() => checkFiles({ input, output, trace })).not.toThrow()
    expect(() => checkFiles({ input: '-', output: '-' })).not.toThrow()
    expect(() => checkFiles({})).not.toThrow()
  })
})
