import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const url = new URL(`file://${join(import.meta.dirname, 'watchdog.ts')}`).href

/** Says three times that a piece of work begins, does the work and lets the watchdog go. */
function run(seconds: number, work: string): { readonly signal: string | null; readonly stderr: string } {
  const script = `import { startWatchdog } from '${url}'
    {
      using dog = startWatchdog(${seconds}, 'too long')
      for (let i = 0; i < 3; i++) dog.beat()
      ${work}
    }
    await new Promise((done) => setTimeout(done, ${1500 * seconds}))`
  const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  return { signal, stderr }
}

it('kills a process that loops for ever, and says at which input', () => {
  expect(run(0.2, 'for (;;);')).toMatchObject({
    signal: 'SIGKILL',
    stderr: expect.stringContaining('too long (input 3)'),
  })
}, 30_000)

it('lets a process go on that has ended its work', () => {
  // Long enough for the thread to be there, and for a machine that is busy.
  const work = 'await new Promise((done) => setTimeout(done, 100))'
  expect(run(1, work)).toMatchObject({ signal: null })
}, 30_000)
