import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { createReferenceBackend } from '@flexgen/backend-reference'
import type { Backend } from '@flexgen/spec'
import { createEngine } from 'flexgen'
import { expect, it } from 'vitest'
import { createToyBackend } from '../src/index.ts'
import { knownGaps } from './known-gaps.ts'

/** Runs a file of the example as its user would. */
function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--conditions=@flexgen/source', ...args], {
    cwd: path.resolve(import.meta.dirname, '..'),
    encoding: 'utf8',
    // A runner inside of a runner would report to it.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  })
}

it('passes the conformance kit under node:test, known gaps included', () => {
  const { status, stdout, stderr } = run('--test', '--test-reporter=tap', 'test/conformance.ts')
  expect({ status, stderr, failed: stdout.match(/^\s*not ok.*$/gm) }).toEqual({ status: 0, stderr: '', failed: null })
  expect(Number(/^# pass (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(120)
  expect(stdout.match(/^\s*ok .*\[known gap: /gm)).toHaveLength(knownGaps.length)
})

it('generates the ids that the reference generates', async () => {
  const prompts = ['My fellow citizens', 'Call me Ishmael.', 'During the past year our relations with foreign powers']
  const idsOf = async (make: () => Backend): Promise<(readonly number[])[]> => {
    await using backend = make()
    await using engine = await createEngine({ backend, policy: { percent: [50, 50, 50, 50, 50, 50], gpuBatchSize: 2 } })
    const results = await engine.generateAll(prompts, { maxNewTokens: 12, ignoreEos: true })
    return results.map(({ ids }) => ids)
  }
  const ids = await idsOf(createToyBackend)
  expect(ids.map(({ length }) => length)).toEqual([12, 12, 12])
  expect(ids).toEqual(await idsOf(createReferenceBackend))
})

it('writes text with the lines of the guide', () => {
  const { status, stdout, stderr } = run('generate.ts')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/\w+ \w+/)
})
