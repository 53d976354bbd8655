import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'

const folder = path.resolve(import.meta.dirname, '..')

it('the snippet of the README runs as it stands', () => {
  const readme = readFileSync(path.join(folder, 'README.md'), 'utf8')
  const [, snippet = ''] = /```ts\n([^]+?)```/.exec(readme) ?? []
  const args = ['--conditions=@flexgen/source', '--input-type=module-typescript', '--eval', snippet]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/^My fellow citizens .+/m)
  expect(stdout).toMatch(/^Call me Ishmael\. /m)
  expect(stdout).toMatch(/\{ weights: \d{7,}, cache: \d+, hidden: 0 \}/)
})
