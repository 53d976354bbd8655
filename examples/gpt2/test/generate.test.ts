import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { expect, it } from 'vitest'
import { readCases } from './read-cases.ts'

it('generate.ts writes what transformers writes', () => {
  const folder = path.resolve(import.meta.dirname, '..')
  const args = ['--conditions=@flexgen/source', 'generate.ts']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const results = stdout.trimEnd().split('\n')
  const [first, second] = readCases(path.join(folder, 'fixtures/tiny'))
  expect(results.map((line) => JSON.parse(line) as unknown)).toEqual(
    [first!, second!].map(({ text, newText, promptLength, ids }, sequence) => ({
      sequence,
      prompt: text,
      promptIds: ids.slice(0, promptLength),
      ids: ids.slice(promptLength),
      text: newText,
      finishReason: 'length',
    })),
  )
})
