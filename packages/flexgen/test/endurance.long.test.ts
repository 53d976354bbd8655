import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, it } from 'vitest'

const script = path.join(import.meta.dirname, 'endurance.ts')
const offloadDir = mkdtempSync(path.join(tmpdir(), 'flexgen-endurance-'))
afterAll(() => rmSync(offloadDir, { recursive: true, force: true }))

/** A run takes a few tenths of a second; a child that has ended none for so long hangs, and says where, as far as the system knows. */
const mostMsWithoutRun = 3 * 60_000

/** What the threads of a process wait for in the system. */
function threadsOf(pid: number): string {
  if (process.platform !== 'linux') return 'unknown here'
  const folder = `/proc/${pid}/task`
  const read = (thread: string, file: string): string => readFileSync(path.join(folder, thread, file), 'utf8').trim()
  return readdirSync(folder)
    .map((thread) => `${read(thread, 'comm')}: ${read(thread, 'wchan')}`)
    .join(', ')
}

/** All that a child prints until it ends; one that hangs is killed. */
async function outputOf(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  let hang: string | undefined
  const timer = setTimeout(() => {
    try {
      hang = threadsOf(child.pid!)
    } catch (error) {
      // They come and go.
      hang = String(error)
    }
    child.kill('SIGKILL')
  }, mostMsWithoutRun)
  let runs: unknown = 0
  child.on('message', (ended) => {
    runs = ended
    timer.refresh()
  })
  const output = await text(child.stdout!)
  clearTimeout(timer)
  if (hang !== undefined) throw new Error(`the child hung after ${String(runs)} runs; its threads: ${hang}`)
  return output
}

interface Held {
  readonly rssBytes: number
  readonly files: number
  readonly threads: number
}

describe.each(['reference', 'onnxruntime'])('a thousand runs on %s in one process', (backend) => {
  it.each([
    ['short generations of one engine', 'generations'],
    ['engines, each run to its end, aborted or left early', 'engines'],
  ])('%s, leave nothing and grow nothing', async (_, kind) => {
    // A young generation that may not grow: V8 would take 60 MB more at some time, whatever is left behind.
    const flags = ['--expose-gc', '--max-semi-space-size=4', '--conditions=@flexgen/source']
    const args = [...flags, script, backend, kind, offloadDir]
    const output = await outputOf(args)
    const { before, after, rejections } = JSON.parse(output) as {
      readonly before: Held
      readonly after: Held
      readonly rejections: readonly string[]
    }
    expect(after.rssBytes).toBeLessThan(1.1 * before.rssBytes)
    expect([after.files, after.threads]).toEqual([before.files, before.threads])
    expect(rejections).toEqual([])
    expect(readdirSync(offloadDir)).toEqual([])
  })
})
