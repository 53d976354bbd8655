import { describe, expect, it } from 'vitest'
import { openWasmEngine } from './wasm-engine.ts'

describe('the WebAssembly engine', () => {
  it('refuses a tensor that its memory has no room for, and goes on', async () => {
    const engine = await openWasmEngine()
    // Of 1 GiB each, and never touched: a module has at most 4.
    const upload = (): ReturnType<typeof engine.upload> => engine.upload([2 ** 28], () => undefined)
    const tensors = [upload(), upload(), upload()]
    expect(upload).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }))
    expect(engine.tensorCount()).toBe(3)
    expect(engine.arena!.heldBytes()).toBeLessThanOrEqual(engine.arena!.mostBytes)
    for (const tensor of tensors) engine.dispose(tensor)
    const values = engine.wrap([2], Float32Array.of(1, 2))
    const sum = engine.within(() => engine.kernel('Add', { a: values, b: values }))
    expect([...(await engine.read(sum))]).toEqual([2, 4])
    engine.close()
  })

  it('gives the same product for a matrix that is used once and one that stays, whichever way round', async () => {
    const engine = await openWasmEngine()
    const [inner, outer] = [5, 11]
    const weight = Float32Array.from({ length: inner * outer }, (_, i) => (i % 7) - 3)
    for (const rows of [1, 4, 5, 9]) {
      const x = engine.wrap(
        [rows, inner],
        Float32Array.from({ length: rows * inner }, (_, i) => i / 8),
      )
      for (const transposed of [true, false]) {
        const shape = transposed ? [outer, inner] : [inner, outer]
        const at = (i: number, o: number): number => weight[transposed ? o * inner + i : i * outer + o]!
        const expected = Array.from({ length: rows * outer }, (_, index) => {
          const [row, o] = [Math.floor(index / outer), index % outer]
          return Array.from({ length: inner }, (__, i) => ((row * inner + i) / 8) * at(i, o)).reduce((a, b) => a + b)
        })
        const matrix = engine.wrap(shape, weight)
        const held = engine.within(() => engine.holdMatrix(shape, transposed, (target) => target.set(weight)))
        const products = engine.within(() => [engine.product(x, matrix, transposed), engine.heldProduct(x, held)])
        for (const product of products) {
          expect([...(await engine.read(product))]).toEqual(expected)
          engine.dispose(product)
        }
        engine.dispose(matrix)
        engine.dispose(held.tensor)
      }
      engine.dispose(x)
    }
    expect(engine.tensorCount()).toBe(0)
    engine.close()
  })
})
