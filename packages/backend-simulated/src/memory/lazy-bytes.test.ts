import { describe, expect, it } from 'vitest'
import { oneBits, VisibleMemory } from './simulated-memory.ts'

const owner = {}

describe('bytes of simulated memory', () => {
  it('take no memory until somebody asks for what lies behind them', () => {
    const before = process.memoryUsage().arrayBuffers
    // More than any test machine has.
    const { bytes } = new VisibleMemory(owner, 'host', 2 ** 44)
    expect([bytes.byteLength, bytes.length]).toEqual([2 ** 44, 2 ** 44])
    bytes.subarray(2 ** 40, 2 ** 41).set(bytes.subarray(0, 2 ** 40))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6)
  })

  it('are real from then on', () => {
    const memory = new VisibleMemory(owner, 'host', 24)
    const { bytes } = memory
    const ints = new Int32Array(bytes.buffer, bytes.byteOffset, 6)
    ints.set([1, 2, 3, 4, 5, 6])
    expect([...new Int32Array(memory.bytes.buffer)]).toEqual([1, 2, 3, 4, 5, 6])
    expect([...bytes.subarray(4, 8)]).toEqual([2, 0, 0, 0])
    bytes.set([9], 4)
    expect(ints[1]).toBe(9)
  })

  it('show the logits that stand out, of every range those of the last run only', () => {
    const memory = new VisibleMemory(owner, 'host', 40)
    const ones = (...places: number[]) => places.map((at) => ({ at, bits: oneBits }))
    memory.setWords(ones(3), 0, 5)
    const floats = new Float32Array(memory.bytes.buffer)
    expect([...floats]).toEqual([0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    memory.setWords(ones(9), 5, 5)
    memory.setWords(ones(0), 0, 5)
    expect([...floats]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  })

  it('are gone after a free', () => {
    const memory = new VisibleMemory(owner, 'host', 24)
    memory.isFreed = true
    expect(() => memory.bytes).toThrow('was freed')
  })
})
