import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const packages = path.join(import.meta.dirname, '../..')
const dependencies = ['spec', 'core', 'checkpoint', 'storage', 'tokenizer']
let root = ''

/** The front door as it is after `npm install flexgen`: with what it depends on, and none of the optional peers. */
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'flexgen-bare-'))
  cpSync(path.join(packages, 'flexgen/src'), path.join(root, 'front-door'), { recursive: true })
  writeFileSync(path.join(root, 'package.json'), '{"type":"module"}')
  mkdirSync(path.join(root, 'node_modules/@flexgen'), { recursive: true })
  for (const name of dependencies) {
    symlinkSync(path.join(packages, name), path.join(root, 'node_modules/@flexgen', name), 'junction')
  }
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** What an expression fails with there, in a process of its own. */
function failureOf(expression: string): unknown {
  const script = `
    import * as flexgen from './front-door/index.ts'
    const failure = await (${expression}).then(() => ({}), ({ code, message, hint }) => ({ code, message, hint }))
    console.log(JSON.stringify(failure))`
  writeFileSync(path.join(root, 'script.ts'), script)
  const args = ['--conditions=@flexgen/source', 'script.ts']
  return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' }))
}

describe('a package that is not installed is named, with the command that installs it', () => {
  it.each([
    ['the demo model', 'flexgen.createEngine()', '@flexgen/demo-model'],
    ['a backend', "flexgen.openBackend('reference')", '@flexgen/backend-reference'],
    ['a model family', "flexgen.openModel({ model: 'opt-125m', path: '_DUMMY_' })", '@flexgen/opt'],
  ])('%s', (_, expression, name) => {
    expect(failureOf(expression)).toEqual({
      code: 'PACKAGE_NOT_FOUND',
      message: expect.stringContaining(name),
      hint: `npm install ${name}`,
    })
  })

  it('auto says what is missing of each backend', () => {
    expect(failureOf("flexgen.openBackend('auto')")).toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('@flexgen/backend-reference, which is not installed'),
    })
  })
})
