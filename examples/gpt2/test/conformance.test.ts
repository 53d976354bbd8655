import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { expect, it } from 'vitest'

it('passes the conformance suite under node:test', () => {
  const folder = path.resolve(import.meta.dirname, '..')
  const args = ['--conditions=@flexgen/source', '--test', '--test-reporter=tap', 'test/conformance.ts']
  // Run below another test runner, node:test would speak its protocol.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(Number(/^# pass (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThanOrEqual(13)
})
