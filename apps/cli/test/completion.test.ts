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

  it.runIf(has('bash'))('bash offers flags, and names of backends', async () => {
    const { stdout } = await runCli(['completion', 'bash'])
    const offers = (...words: readonly string[]): string[] => {
      const ask = `${stdout}\nCOMP_WORDS=(flexgen ${words.join(' ')}); COMP_CWORD=${words.length}; _flexgen; echo "\${COMPREPLY[@]}"`
      return spawnSync('bash', ['-c', ask], { encoding: 'utf8' }).stdout.trim().split(' ')
    }
    expect(offers('generate', '--num').toSorted()).toEqual(['--num-gpu-batches', '--num-prompts'])
    for (const command of ['generate', 'bench', 'demo']) {
      expect(offers(command, '--backend', "''")).toEqual(expect.arrayContaining(['native', 'onnxruntime', 'auto']))
      expect(offers(command, '--host-backend', 'nat')).toEqual(['native'])
    }
  })
})
