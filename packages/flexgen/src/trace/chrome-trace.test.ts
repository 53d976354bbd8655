import { nodeFileSystem } from '@flexgen/spec'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createChromeTrace } from './chrome-trace.ts'

let folder = ''
beforeAll(() => void (folder = mkdtempSync(path.join(tmpdir(), 'flexgen-trace-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'))

describe('chrome trace', () => {
  it('writes every span on a thread of its queue, in microseconds', async () => {
    const file = path.join(folder, 'trace.json')
    const trace = await createChromeTrace(file)
    trace.span({ queue: 'disk read', label: 'read', startMs: 1, endMs: 3.5, sizeBytes: 4096 })
    trace.span({ queue: 'compute', label: 'mlp', startMs: 2, endMs: 4, sizeBytes: 0 })
    trace.span({ queue: 'disk read', label: 'read', startMs: 4, endMs: 5, sizeBytes: 1 })
    await trace[Symbol.asyncDispose]()
    expect(read(file)).toEqual({
      displayTimeUnit: 'ms',
      traceEvents: [
        { pid: 1, ph: 'M', name: 'thread_name', tid: 1, args: { name: 'disk read' } },
        { pid: 1, ph: 'X', name: 'read', tid: 1, ts: 1000, dur: 2500, args: { sizeBytes: 4096 } },
        { pid: 1, ph: 'M', name: 'thread_name', tid: 2, args: { name: 'compute' } },
        { pid: 1, ph: 'X', name: 'mlp', tid: 2, ts: 2000, dur: 2000 },
        { pid: 1, ph: 'X', name: 'read', tid: 1, ts: 4000, dur: 1000, args: { sizeBytes: 1 } },
      ],
    })
  })

  it('gives a queue a second thread for what overlaps', async () => {
    const file = path.join(folder, 'lanes.json')
    const trace = await createChromeTrace(file)
    trace.span({ queue: 'read', label: 'a', startMs: 0, endMs: 2, sizeBytes: 0 })
    trace.span({ queue: 'read', label: 'b', startMs: 1, endMs: 3, sizeBytes: 0 })
    await trace[Symbol.asyncDispose]()
    const { traceEvents } = read(file) as { traceEvents: readonly { tid: number; args?: unknown }[] }
    expect(traceEvents.map(({ tid, args }) => [tid, args])).toEqual([
      [1, { name: 'read' }],
      [1, undefined],
      [2, { name: 'read 2' }],
      [2, undefined],
    ])
  })

  it('replaces an older file, also when it is long', async () => {
    const file = path.join(folder, 'old.json')
    writeFileSync(file, 'x'.repeat(5_000_000))
    const trace = await createChromeTrace(file)
    for (let i = 0; i < 3000; i++) trace.span({ queue: 'q', label: `step ${i}`, startMs: i, endMs: i, sizeBytes: 0 })
    await trace[Symbol.asyncDispose]()
    expect((read(file) as { traceEvents: unknown[] }).traceEvents).toHaveLength(3001)
  })

  it('refuses a folder and leaves it alone', async () => {
    writeFileSync(path.join(folder, 'precious'), '')
    await expect(createChromeTrace(folder)).rejects.toMatchObject({ code: 'NOT_WRITABLE' })
    expect(readFileSync(path.join(folder, 'precious'), 'utf8')).toBe('')
  })

  it('makes no folder: a typo is an error', async () => {
    const trace = createChromeTrace(path.join(folder, 'none', 'trace.json'))
    await expect(trace).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
  })

  it('keeps a failed write for dispose', async () => {
    const file = path.join(folder, 'full.json')
    const trace = await createChromeTrace(file, {
      ...nodeFileSystem,
      open: async (place, mode) => ({
        ...(await nodeFileSystem.open(place, mode)),
        write: () => Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' })),
      }),
    })
    trace.span({ queue: 'q', label: 'l', startMs: 0, endMs: 1, sizeBytes: 0 })
    await expect(trace[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'OUT_OF_DISK' })
  })
})
