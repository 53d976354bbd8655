import { describe, expect, it } from 'vitest'
import { MemoryLedger, type WorkspaceNeed } from './memory-ledger.ts'

const clock = { now: () => 1 }

function ledgerOf(heldBytes = 0): { ledger: MemoryLedger; workspace: { heldBytes: number; trims: number } } {
  const workspace = { heldBytes, trims: 0 }
  const trim = (): void => {
    workspace.trims++
    workspace.heldBytes = 0
  }
  return { ledger: new MemoryLedger(clock, { heldBytes: () => workspace.heldBytes, trim }), workspace }
}

const need = (scratchBytes: number, arenaBytes: number): WorkspaceNeed => ({ scratchBytes, arenaBytes })
const outOfMemory = expect.objectContaining({ code: 'OUT_OF_MEMORY' })

describe('MemoryLedger', () => {
  it('counts by use and remembers the most of what counts for the limit', () => {
    const { ledger, workspace } = ledgerOf(5)
    ledger.take('device', 100, 'a buffer')
    ledger.take('host', 1000, 'a buffer')
    ledger.take('prepared', 10, 'weights')
    ledger.give('device', 100)
    workspace.heldBytes = 1
    expect(ledger.stats()).toEqual({
      deviceBytes: 0,
      hostBytes: 1000,
      preparedBytes: 10,
      workspaceBytes: 1,
      peakDeviceBytes: 115,
    })
  })

  it('gives workspace back before it refuses, and counts nothing that it refuses', () => {
    const { ledger, workspace } = ledgerOf(50)
    ledger.setLimit(100)
    ledger.take('device', 90, 'a buffer')
    expect(workspace.trims).toBe(1)
    expect(() => ledger.take('device', 11, 'a buffer')).toThrow(outOfMemory)
    expect(() => ledger.enterRun(need(5, 6), 'a run')).toThrow(outOfMemory)
    ledger.take('host', 1000, 'a buffer')
    ledger.take('device', 10, 'a buffer')
    expect(ledger.stats().deviceBytes).toBe(100)
  })

  it('lets runs of all kernels keep the most scratch and the most arena that any needs, and no more', () => {
    const { ledger, workspace } = ledgerOf()
    const run = (wanted: WorkspaceNeed, heldAfter: number): void => {
      ledger.enterRun(wanted, 'a run')
      workspace.heldBytes = heldAfter
      ledger.leaveRun(wanted)
    }
    run(need(50, 10), 60)
    run(need(5, 100), 150)
    expect(workspace.trims).toBe(0)
    run(need(5, 100), 151)
    expect(workspace.trims).toBe(1)
  })

  it('adds up the runs that are under way at once', () => {
    const { ledger } = ledgerOf()
    ledger.setLimit(100)
    ledger.enterRun(need(30, 30), 'a run')
    expect(() => ledger.enterRun(need(30, 30), 'a run')).toThrow(outOfMemory)
    ledger.leaveRun(need(30, 30))
    ledger.enterRun(need(30, 30), 'a run')
  })

  it('settles a limit when announced bytes have gone, and fails one that can never be held', () => {
    const { ledger } = ledgerOf()
    ledger.take('device', 100, 'a buffer')
    expect(ledger.setLimit(50).error).toEqual(outOfMemory)
    ledger.announce(60)
    const limit = ledger.setLimit(50)
    expect(limit.isDone()).toBe(false)
    ledger.giveAnnounced(60)
    expect(limit.isDone()).toBe(true)
    expect(limit.error).toBeUndefined()
  })

  it('is empty once it is closed, and settles limits that waited', () => {
    const { ledger } = ledgerOf(7)
    ledger.take('device', 100, 'a buffer')
    ledger.announce(100)
    const limit = ledger.setLimit(10)
    ledger.close()
    ledger.giveAnnounced(100)
    expect(limit.isDone()).toBe(true)
    expect(ledger.stats()).toMatchObject({ deviceBytes: 0, hostBytes: 0, preparedBytes: 0, workspaceBytes: 0 })
  })
})
