import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const script = path.resolve(import.meta.dirname, '../../../scripts/count-tests.mjs')

describe('the closing line of .ci/run', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'flexgen-count-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const report = (name: string, statuses: string[], fileStatus = 'passed') => {
    const count = (status: string) => statuses.filter((each) => each === status).length
    const json = {
      numPassedTests: count('passed'),
      numFailedTests: count('failed'),
      numPendingTests: count('skipped'),
      numTodoTests: count('todo'),
      testResults: [
        {
          name: `${name}.test.ts`,
          status: fileStatus,
          assertionResults: statuses.map((status) => ({
            status,
            fullName: `a ${status} test`,
            failureMessages: status === 'failed' ? ['expected 1\nto be 2'] : [],
          })),
        },
      ],
    }
    const file = path.join(folder, name)
    writeFileSync(file, JSON.stringify(json))
    return file
  }

  const close = (status: number, ...files: string[]) => {
    const child = spawnSync(process.execPath, [script, String(status), ...files], { encoding: 'utf8' })
    const lines = child.stdout.trimEnd().split('\n')
    return { exitCode: child.status, lastLine: lines.at(-1), linesBefore: lines.slice(0, -1) }
  }

  it('sums both runs, and counts what was skipped apart', () => {
    const a = report('a', ['passed', 'passed', 'skipped', 'todo'])
    const b = report('b', ['passed'])
    expect(close(0, a, b)).toEqual({ exitCode: 0, lastLine: '3 passed, 0 failed, 2 skipped', linesBefore: [] })
  })

  it('fails with a failed test, whatever the run said', () => {
    expect(close(0, report('c', ['passed', 'failed'], 'failed'))).toMatchObject({
      exitCode: 1,
      lastLine: '1 passed, 1 failed',
    })
  })

  it('counts a file that could not be loaded, or whose set-up broke, as a failure', () => {
    expect(close(1, report('d', [], 'failed'), report('e', ['skipped'], 'failed'))).toMatchObject({
      exitCode: 1,
      lastLine: '0 passed, 2 failed, 1 skipped',
    })
  })

  it('names what failed and why once more, right above its line', () => {
    expect(close(1, report('h', ['failed', 'passed'], 'failed')).linesBefore).toEqual([
      'failed: h.test.ts: a failed test',
      '  expected 1',
      '  to be 2',
    ])
  })

  it('keeps the exit code of a failed check', () => {
    expect(close(1, report('f', ['passed']))).toMatchObject({ exitCode: 1, lastLine: '1 passed, 0 failed' })
  })

  it('fails when a run has left no report', () => {
    expect(close(0, report('g', ['passed']), path.join(folder, 'missing')).exitCode).toBe(1)
  })
})
