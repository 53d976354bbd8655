import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readInput as read } from './read-input.ts'

const readInput = (name: string) => read(name, new AbortController().signal)

let folder = ''
beforeAll(() => void (folder = mkdtempSync(path.join(tmpdir(), 'flexgen-input-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(text: string): string {
  const name = path.join(folder, 'lines.jsonl')
  writeFileSync(name, text)
  return name
}

describe('input lines', () => {
  it('hold text or ids, with a limit if wanted; empty lines are skipped', async () => {
    const name = file('\uFEFF{"prompt":"a\\u00e9"}\r\n\n  \n{"promptIds":[5,17],"maxNewTokens":3}')
    await expect(readInput(name)).resolves.toEqual([
      { prompt: 'aé', label: `${name} line 1` },
      { promptIds: [5, 17], maxNewTokens: 3, label: `${name} line 4` },
    ])
  })

  it.each([
    ['{"prompt":', 'line 2 is not JSON'],
    ['[1]', 'line 2 is not a JSON object'],
    ['null', 'line 2 is not a JSON object'],
    ['{}', 'line 2 needs either prompt or promptIds'],
    ['{"prompt":"a","promptIds":[1]}', 'line 2 needs either prompt or promptIds'],
    ['{"prompt":5}', 'line 2 has a prompt that is no text'],
    ['{"promptIds":"5,6"}', 'line 2 has promptIds that are no list of numbers'],
    ['{"promptIds":[1,null]}', 'line 2 has promptIds that are no list of numbers'],
    ['{"prompt":"a","maxNewTokens":"5"}', 'line 2 has a maxNewTokens that is no number'],
    ['{"prompt":"a","max_new_tokens":5}', "line 2 has the unknown key 'max_new_tokens'"],
  ])('%s is refused by its number', async (line, message) => {
    await expect(readInput(file(`{"prompt":"a"}\n${line}\n`))).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    })
  })

  it('are not read after the signal', async () => {
    const reading = read(file('{"prompt":"a"}'), AbortSignal.abort())
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' })
  })

  it('must be there, and hold a prompt', async () => {
    await expect(readInput(path.join(folder, 'none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    await expect(readInput(file('\n'))).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('no prompt'),
    })
  })
})
