import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TestedGpu } from './tested-gpu.ts'

/** A process of its own that uses the GPU. */
export interface Child {
  /** Settles once it has written a word. @throws where it ends before */
  said(word: string): Promise<void>
  readonly ended: Promise<void>
  output(): string
  kill: ChildProcess['kill']
}

const main = fileURLToPath(new URL('child-main.ts', import.meta.url))
/** In the repository packages are taken from their sources; in a bundle there are none. */
const conditions = existsSync(new URL('../../tsconfig.json', import.meta.url)) ? ['--conditions=@flexgen/source'] : []

/** Starts `child-main.ts` on the same GPU. */
export function startChild(gpu: TestedGpu, args: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
  const child = spawn(process.execPath, [...conditions, main, gpu.isFake ? 'fake' : 'gpu', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  const listeners = new Set<() => void>()
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString()
    for (const listener of listeners) listener()
  })
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()))
  return {
    ended,
    output: () => output,
    kill: (signal) => child.kill(signal),
    said: (word) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.includes(word)) resolve()
        }
        listeners.add(look)
        look()
        void ended.then(() => reject(new Error(`the process ended without saying ${word}: ${output}`)))
      }),
  }
}
