import { OutOfMemoryError, SettableEvent, spanOf } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { MemoryLedger } from '../memory/memory-ledger.ts'
import { MappedMemoryTable } from './mapped-memory-table.ts'
import { createPageMemory } from './page-memory.ts'

const pages = createPageMemory(undefined)

function tableOf(map = pages.map): { table: MappedMemoryTable; ledger: MemoryLedger } {
  const ledger = new MemoryLedger({ now: () => 1 })
  return { table: new MappedMemoryTable({ map }, ledger), ledger }
}

describe('MappedMemoryTable', () => {
  it('counts nothing for an allocation that the system refuses', () => {
    let calls = 0
    const { table, ledger } = tableOf((byteLength) => {
      if (++calls === 2) throw new OutOfMemoryError('made to fail')
      return pages.map(byteLength)
    })
    table.allocate('device', 100)
    expect(() => table.allocate('device', 50)).toThrow('made to fail')
    table.allocate('host', 7)
    expect(ledger.stats()).toMatchObject({ deviceBytes: 100, hostBytes: 7 })
  })

  it('keeps memory that an operation uses, whatever free was told', () => {
    const { table, ledger } = tableOf()
    const memory = table.allocate('device', 100)
    const { bytes } = table.lend(spanOf(memory, 10, 20), 'a span')
    memory.retain()
    table.free(memory, [])
    expect([bytes.byteLength, ledger.stats().deviceBytes]).toEqual([20, 100])
    expect(() => table.lend(spanOf(memory), 'a span')).toThrow('freed')
    memory.release()
    expect([bytes.byteLength, ledger.stats().deviceBytes]).toEqual([0, 0])
  })

  it('frees once all events have ended, well or not', () => {
    const { table, ledger } = tableOf()
    const events = [new SettableEvent(), new SettableEvent()]
    table.free(table.allocate('host', 9), events)
    events[0]!.settle(1, new OutOfMemoryError('made to fail'))
    expect(ledger.stats().hostBytes).toBe(9)
    events[1]!.settle(2)
    expect(ledger.stats().hostBytes).toBe(0)
  })

  it('lends bytes of others where they are visible, and refuses spans outside', () => {
    const { table } = tableOf()
    const bytes = Uint8Array.of(1, 2, 3, 4)
    expect(table.lend(spanOf({ byteLength: 4, bytes }, 1, 2), 'a span').bytes).toEqual(Uint8Array.of(2, 3))
    expect(() => table.lend({ buffer: { byteLength: 4, bytes }, byteOffset: 3, byteLength: 2 }, 'a span')).toThrow(
      'ends',
    )
    expect(() => table.lend(spanOf({ byteLength: 4 }), 'a span')).toThrow('another backend')
  })
})
