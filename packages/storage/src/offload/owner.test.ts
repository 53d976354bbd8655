import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { currentOwner, isGone, type Owner, parseOwner } from './owner.ts'
import { processStart } from './process-start.ts'

const isLinux = process.platform === 'linux'
const endedPid = (): number => spawnSync(process.execPath, ['--version']).pid

describe('isGone', () => {
  const judge = async (change: Partial<Owner>): Promise<boolean> => {
    const current = await currentOwner()
    return isGone({ ...current, ...change }, current)
  }

  it('is false for this process and for another living one', async () => {
    expect(await judge({})).toBe(false)
    expect(await judge({ pid: process.ppid, startTicks: await processStart(process.ppid) })).toBe(false)
  })

  it('is true for a process that has ended', async () => {
    expect(await judge({ pid: endedPid() })).toBe(true)
  })

  it.skipIf(!isLinux)('is true where the process id is used by another process now', async () => {
    expect(await judge({ startTicks: '1' })).toBe(true)
  })

  it.skipIf(!isLinux)('is true after a reboot', async () => {
    expect(await judge({ bootId: 'another boot' })).toBe(true)
  })

  it('is false where it cannot be judged from here', async () => {
    expect(await judge({ host: 'another.machine', bootId: 'another boot', pid: endedPid() })).toBe(false)
    if (isLinux) expect(await judge({ pidNamespace: 'pid:[1]', pid: endedPid() })).toBe(false)
  })
})

describe('parseOwner', () => {
  it('reads what JSON.stringify wrote', async () => {
    const owner = await currentOwner()
    expect(parseOwner(JSON.stringify(owner))).toEqual(JSON.parse(JSON.stringify(owner)))
  })

  it('takes nothing else for an owner', () => {
    for (const text of ['', '{', 'null', '7', '{}', '{"createdBy":"me","pid":1,"host":"a"}'])
      expect(parseOwner(text)).toBeUndefined()
    expect(parseOwner('{"createdBy":"@flexgen/storage","pid":-1,"host":"a"}')).toBeUndefined()
    expect(parseOwner('{"createdBy":"@flexgen/storage","pid":"1","host":"a"}')).toBeUndefined()
  })
})
