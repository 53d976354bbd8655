import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createFaultyFileSystem, createHostBuffer, type Fault } from '@flexgen/conformance'
import { bytesOf, nodeFileSystem, SettableEvent, spanOf, systemClock } from '@flexgen/spec'
import { describe, expect, it, vi } from 'vitest'
import { createRamTier } from '../src/index.ts'
import { makeDiskTier, patterned } from './support/tiers.ts'
import { tempFolder } from './support/temp-folder.ts'
import { waiting } from './support/waiting.ts'

const script = fileURLToPath(new URL('support/hold-offload.ts', import.meta.url))

/** Another process that has allocated in the directory, and what of its folder is there. */
async function startRun(offloadDir: string): Promise<{ readonly child: ChildProcess; readonly folder: string }> {
  const known = new Set(await readdir(offloadDir))
  const child = spawn(process.execPath, ['--conditions=@flexgen/source', script, offloadDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const [folder] = (await readdir(offloadDir)).filter((name) => !known.has(name))
  return { child, folder: folder! }
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** The folder of a run whose process is this one, with its owner changed. */
async function makeFolderOf(offloadDir: string, change: Record<string, unknown>): Promise<string> {
  await using sample = await tempFolder()
  const tier = await makeDiskTier(sample.path)
  await tier.allocate(1)
  const [name] = await readdir(sample.path)
  const owner: object = JSON.parse(await readFile(join(sample.path, name!, 'owner.json'), 'utf8'))
  await tier[Symbol.asyncDispose]()
  await mkdir(join(offloadDir, name!))
  await writeFile(join(offloadDir, name!, 'owner.json'), JSON.stringify({ ...owner, ...change }))
  await writeFile(join(offloadDir, name!, 'offload.bin'), 'regions')
  return name!
}

describe('an offload directory', () => {
  it('loses what a killed run has left at the next start, and nothing else', async () => {
    await using folder = await tempFolder()
    await writeFile(join(folder.path, 'mine.txt'), 'keep')
    await mkdir(join(folder.path, 'flexgen-1-notours'))
    await mkdir(join(folder.path, 'flexgen-1-0123456789abcdef'))
    await writeFile(join(folder.path, 'flexgen-1-0123456789abcdef', 'offload.bin'), 'no owner')
    const before = await readdir(folder.path)

    const [crashed, live] = [await startRun(folder.path), await startRun(folder.path)]
    try {
      await kill(crashed.child)
      expect(await readdir(join(folder.path, crashed.folder))).toEqual(['offload.bin', 'owner.json'])
      await using tier = await makeDiskTier(folder.path)
      expect((await readdir(folder.path)).toSorted()).toEqual([...before, live.folder].toSorted())
      expect(await readdir(join(folder.path, live.folder))).toEqual(['offload.bin', 'owner.json'])
      expect(tier.notices).toEqual([])
    } finally {
      await kill(live.child)
    }
    await using later = await makeDiskTier(folder.path)
    expect(later.notices).toEqual([])
    expect((await readdir(folder.path)).toSorted()).toEqual(before.toSorted())
  })

  it('loses the folder of a run that was killed before it could say whose it is', async () => {
    await using folder = await tempFolder()
    const names = [
      'flexgen-4194305-0123456789abcdef',
      'flexgen-4194305-fedcba9876543210',
      `flexgen-${process.pid}-0000000000000000`,
    ]
    for (const name of names) await mkdir(join(folder.path, name))
    await writeFile(join(folder.path, names[1]!, 'owner.json'), '')
    await using tier = await makeDiskTier(folder.path)
    expect(tier.notices).toEqual([])
    // A process that lives may be just about to write its note. No process id is beyond 2^22.
    expect(await readdir(folder.path)).toEqual([names[2]])
  })

  it.skipIf(process.platform !== 'linux')('knows that a process id or a boot is not the same any more', async () => {
    await using folder = await tempFolder()
    await makeFolderOf(folder.path, { startTicks: '1' })
    await makeFolderOf(folder.path, { bootId: 'an earlier boot' })
    const alive = await makeFolderOf(folder.path, {})
    const elsewhere = await makeFolderOf(folder.path, { host: 'another.machine', bootId: 'its boot' })
    await using tier = await makeDiskTier(folder.path)
    expect((await readdir(folder.path)).toSorted()).toEqual([alive, elsewhere].toSorted())
    expect(tier.notices).toEqual([])
  })

  it('keeps what somebody has put into a left-over folder', async () => {
    await using folder = await tempFolder()
    const name = await makeFolderOf(folder.path, { pid: 2 ** 30 })
    await writeFile(join(folder.path, name, 'notes.txt'), 'keep')
    await using tier = await makeDiskTier(folder.path)
    expect(await readdir(join(folder.path, name))).toEqual(['notes.txt'])
    expect(tier.notices).toEqual([])
  })

  it('says which left-over cannot be removed, and works all the same', async () => {
    await using folder = await tempFolder()
    const name = await makeFolderOf(folder.path, { pid: 2 ** 30 })
    const fileSystem = createFaultyFileSystem(nodeFileSystem, {
      faults: [{ on: 'remove', path: name, effect: { kind: 'error', code: 'EACCES' } }],
    })
    await using tier = await makeDiskTier(folder.path, { fileSystem })
    expect(tier.notices).toEqual([expect.stringContaining(name)])
    await tier.allocate(10)
  })

  it('is not written before the first allocation, and not made to read files', async () => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'weights.bin')
    await writeFile(file, 'abc')
    await using tier = await makeDiskTier(join(folder.path, 'new', 'offload'))
    const target = spanOf(createHostBuffer(3))
    await tier
      .createQueue('read')
      .readExtents(target, [{ path: file, byteOffset: 0, byteLength: 3 }])
      .whenDone()
    expect(await readdir(folder.path)).toEqual(['weights.bin'])
    await tier.allocate(1)
    expect((await readdir(folder.path)).toSorted()).toEqual(['new', 'weights.bin'])
  })

  it('serves two tiers at once', async () => {
    await using folder = await tempFolder()
    await using one = await makeDiskTier(folder.path)
    const region = await one.allocate(10_000)
    const source = patterned(10_000, 1)
    await one.createQueue('write').write(region, 0, spanOf(source)).whenDone()
    const two = await makeDiskTier(folder.path)
    const other = await two.allocate(10_000)
    await two
      .createQueue('write')
      .write(other, 0, spanOf(patterned(10_000, 2)))
      .whenDone()
    expect(await readdir(folder.path)).toHaveLength(2)
    await two[Symbol.asyncDispose]()
    const target = spanOf(createHostBuffer(10_000))
    await one.createQueue('read').read(target, region, 0).whenDone()
    expect(Buffer.compare(bytesOf(target), source.bytes)).toBe(0)
  })

  it('that is a file is refused at once', async () => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'file')
    await writeFile(file, '')
    await expect(makeDiskTier(file)).rejects.toMatchObject({ code: 'NOT_WRITABLE' })
    await using below = await makeDiskTier(join(file, 'offload'))
    await expect(below.allocate(1)).rejects.toMatchObject({ code: 'NOT_WRITABLE' })
  })
})

describe('dispose', () => {
  it('in the middle of transfers waits for them, and fails what had not started', async () => {
    await using folder = await tempFolder()
    const gate = Promise.withResolvers<void>()
    const held: Fault = { on: 'write', path: 'offload.bin', effect: { kind: 'hold', until: gate.promise } }
    const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: [held] })
    const tier = await makeDiskTier(folder.path, { fileSystem, chunkBytes: 2 ** 20 })
    const region = await tier.allocate(20 * 2 ** 20)
    const source = createHostBuffer(20 * 2 ** 20)
    const queues = [tier.createQueue('one'), tier.createQueue('two')]
    const writes = queues.map((queue) => queue.write(region, 0, spanOf(source)))
    await vi.waitFor(() => expect(fileSystem.injectedCount()).toBe(8), waiting)
    const allocation = tier.allocate(2 ** 20)
    const disposed = tier[Symbol.asyncDispose]()
    await expect(allocation).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(writes.map((write) => write.isDone())).toEqual([false, false])
    gate.resolve()
    await disposed
    for (const write of writes) expect(write.error).toMatchObject({ code: 'ABORTED' })
    // Four lanes of each queue had started; they were waited for.
    expect(tier.stats()).toMatchObject({ heldBytes: 0, regionBytesWritten: 8 * 2 ** 20 })
    expect(await readdir(folder.path)).toEqual([])
  })

  it('leaves nothing to free, so a later free does nothing', async () => {
    await using folder = await tempFolder()
    const freed: number[] = []
    const allocateHost = createHostBuffer
    const ram = createRamTier({ allocateHost, freeHost: (buffer) => freed.push(buffer.byteLength), clock: systemClock })
    for (const tier of [ram, await makeDiskTier(folder.path)]) {
      const [region, leaving, gate] = [await tier.allocate(100), await tier.allocate(200), new SettableEvent()]
      tier.free(leaving, gate)
      await tier[Symbol.asyncDispose]()
      tier.free(region)
      gate.settle(0)
      expect(tier.stats().heldBytes).toBe(0)
    }
    expect(new Set(freed)).toEqual(new Set([100, 200]))
    expect(freed).toHaveLength(2)
  })
})
