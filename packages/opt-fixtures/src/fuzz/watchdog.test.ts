import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const url = new URL(`file://${join(import.meta.dirname, 'watchdog.ts')}`).href

function run(work: string): { readonly signal: string | null; readonly stderr: string } {
  const script = `import { startWatchdog } from '${url}'
    {
      using dog = startWatchdog(0.2, 'too long')
      for (let i = 0; i < 3; i++) { dog.beat(); await new Promise((done) => setTimeout(done, 20)) }
      ${work}
    }
    await new Promise((done) => setTimeout(done, 600))`
  const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  return { signal, stderr }
}

it('kills a process that loops for ever, and says at which input', () => {
  expect(run('for (;;);')).toMatchObject({ signal: 'SIGKILL', stderr: expect.stringContaining('too long (input 3)') })
}, 30_000)

it('lets a process go on that has ended its work', () => {
  expect(run('')).toMatchObject({ signal: null })
}, 30_000)
