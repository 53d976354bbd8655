import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { runCli, startCli, temporaryFolder, waitUntil } from './cli-process.ts'

const inFolder = (name: string): string => path.join(temporary, name)
const temporary = temporaryFolder()
writeFileSync(
  inFolder('in.jsonl'),
  '{"prompt":"My fellow citizens","maxNewTokens":2}\n{"prompt":"The state","maxNewTokens":900}\n',
)
const placed = [
  'generate',
  '--input',
  inFolder('in.jsonl'),
  '--ignore-eos',
  '--percent',
  '0',
  '40',
  '100',
  '0',
  '100',
  '0',
]
const run = (name: string): string[] => [...placed, '--max-ram', '60MB', '--output', inFolder(name)]
const linesOf = (name: string): string[] =>
  existsSync(inFolder(name)) ? readFileSync(inFolder(name), 'utf8').split('\n').filter(Boolean) : []

it('a run lives through a storm of SIGUSR2, takes what the file says at the end and gives the same text', async () => {
  expect((await runCli(run('expected'))).code).toBe(0)
  const budget = inFolder('budget.json')
  writeFileSync(budget, '{"ram": "60MB"}')
  const stormy = startCli([...run('stormy'), '--budget-file', budget])
  expect(await waitUntil(() => linesOf('stormy').length > 0)).toBe(true)
  for (let i = 0; i < 200; i++) {
    if (i === 100) writeFileSync(budget, '{"ram": "70MB"}')
    stormy.child.kill('SIGUSR2')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const { code, stderr } = await stormy.ended
  expect(stderr.match(/budget of \S+ is \w+( taken)?.*/g)?.at(-1)).toMatch(/is held: \{"ram":70000000\}$/)
  expect(code).toBe(0)
  expect(linesOf('stormy')).toEqual(linesOf('expected'))
})
