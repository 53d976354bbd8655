import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { runCli } from './cli-process.ts'

const has = (shell: string): boolean => spawnSync(shell, ['--version']).error === undefined

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])(
    '%s: the script knows all commands and flags, and the shell reads it',
    async (shell) => {
      const { code, stdout, stderr } = await runCli(['completion', shell])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      for (const word of ['generate', 'demo', 'doctor', 'completion', 'gen-len', 'max-ram', 'num-gpu-batches']) {
        expect(stdout).toContain(word)
      }
      if (!has(shell)) return
      const checked = spawnSync(shell, ['-n'], { input: stdout, encoding: 'utf8' })
      expect({ status: checked.status, stderr: checked.stderr }).toEqual({ status: 0, stderr: '' })
    },
  )

  it.runIf(has('bash'))('bash offers flags of generate', async () => {
    const { stdout } = await runCli(['completion', 'bash'])
    const ask = `${stdout}\nCOMP_WORDS=(flexgen generate --num); COMP_CWORD=2; _flexgen; echo "\${COMPREPLY[@]}"`
    const offered = spawnSync('bash', ['-c', ask], { encoding: 'utf8' }).stdout.trim().split(' ')
    expect(offered.toSorted()).toEqual(['--num-gpu-batches', '--num-prompts'])
  })
})
