import { createFaultyFileSystem } from '@flexgen/conformance'
import { memoryFileSystem } from '@flexgen/opt-fixtures'
import { describe, expect, it } from 'vitest'
import { concat, pattern } from '../../test/support/bytes.ts'
import { expectCode } from '../../test/support/expect-code.ts'
import { OpenFiles } from './open-files.ts'

const files = { '/a': pattern(1000), '/folder/b': pattern(10) }

describe('OpenFiles', () => {
  it('goes on after short reads until everything is there', async () => {
    const fileSystem = createFaultyFileSystem(memoryFileSystem(files), {
      faults: [{ on: 'read', effect: { kind: 'short', sizeBytes: 7 } }],
    })
    await using open = new OpenFiles(fileSystem)
    const target = new Uint8Array(500)
    await open.read('/a', 123, target)
    expect(target).toEqual(pattern(1000).subarray(123, 623))
  })

  it('says that a file ends early', async () => {
    await using open = new OpenFiles(memoryFileSystem(files))
    await expectCode(open.read('/a', 990, new Uint8Array(20)), 'CORRUPT_DATA', /ends at byte 1000, but byte 1010/)
  })

  it('translates errors of the system', async () => {
    const fileSystem = createFaultyFileSystem(memoryFileSystem(files), {
      faults: [
        { on: 'read', nth: 1, effect: { kind: 'error', code: 'EIO' } },
        { on: 'open', nth: 1, effect: { kind: 'error', code: 'EACCES' } },
      ],
    })
    await using open = new OpenFiles(fileSystem)
    await expectCode(open.read('/a', 0, new Uint8Array(1)), 'READ_FAILED', /cannot open \/a: EACCES/)
    await expectCode(open.read('/a', 0, new Uint8Array(1)), 'READ_FAILED', /cannot read \/a: EIO/)
    await expectCode(open.read('/none', 0, new Uint8Array(1)), 'FILE_NOT_FOUND', /cannot open \/none/)
    await expectCode(open.read('/folder', 0, new Uint8Array(1)), 'CORRUPT_DATA', /is not a file/)
    // A file that failed once is opened again.
    await open.read('/a', 0, new Uint8Array(1))
  })

  it('stops between reads when the signal says so', async () => {
    await using open = new OpenFiles(memoryFileSystem(files))
    await expectCode(open.read('/a', 0, new Uint8Array(1), AbortSignal.abort()), 'ABORTED', /stopped/)
  })

  it('keeps at most 64 files open, and none after dispose', async () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`/${i}`, pattern(8, i)]))
    const fileSystem = createFaultyFileSystem(memoryFileSystem(many), {
      faults: [{ on: 'read', path: '/9', effect: { kind: 'delay', durationMs: 5 } }],
    })
    const open = new OpenFiles(fileSystem)
    const read = async (i: number): Promise<Uint8Array> => {
      const target = new Uint8Array(8)
      await open.read(`/${i}`, 0, target)
      return target
    }
    for (let i = 0; i < 200; i++) {
      expect(await read(i)).toEqual(pattern(8, i))
      expect(fileSystem.openCount()).toBeLessThanOrEqual(64)
    }
    // A file in use is never closed, however many there are.
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => read(i)))
    expect(concat(...all)).toEqual(concat(...Array.from({ length: 200 }, (_, i) => pattern(8, i))))
    expect(fileSystem.openCount()).toBeLessThanOrEqual(64)
    await open[Symbol.asyncDispose]()
    expect(fileSystem.openCount()).toBe(0)
  })

  it('waits for running reads before it closes', async () => {
    const fileSystem = createFaultyFileSystem(memoryFileSystem(files), {
      faults: [{ on: 'read', effect: { kind: 'delay', durationMs: 20 } }],
    })
    const open = new OpenFiles(fileSystem)
    const target = new Uint8Array(10)
    const reading = open.read('/a', 0, target)
    await open[Symbol.asyncDispose]()
    expect(target).toEqual(pattern(10))
    await reading
    await expectCode(open.read('/a', 0, target), 'INTERNAL', /closed/)
  })
})
