import { describe, expect, it } from 'vitest'
import { createResourceStack } from './resource-stack.ts'

describe('resource stack', () => {
  it('disposes the last first, once, and goes on after a failure', async () => {
    const order: number[] = []
    const stack = createResourceStack()
    for (const n of [1, 2, 3]) {
      stack.use({
        [Symbol.asyncDispose]: () => {
          order.push(n)
          return n === 2 ? Promise.reject(new Error('two')) : Promise.resolve()
        },
      })
    }
    await expect(stack[Symbol.asyncDispose]()).rejects.toThrow('two')
    expect(order).toEqual([3, 2, 1])
    await expect(stack[Symbol.asyncDispose]()).rejects.toThrow('two')
    expect(order).toEqual([3, 2, 1])
  })
})
