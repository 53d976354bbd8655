import { describe, expect, it } from 'vitest'
import { pythonFixed3 } from './python-fixed.ts'

describe('three decimals as Python writes them', () => {
  // Right-hand sides by CPython: f'{value:.3f}'.
  it.each([
    [111.5625, '111.562'],
    [0.0625, '0.062'],
    [0.1875, '0.188'],
    [2.4375, '2.438'],
    [-0.0625, '-0.062'],
    [-0.1875, '-0.188'],
    [0.5, '0.500'],
    [1.0005, '1.000'],
    [2.0015, '2.002'],
    [0, '0.000'],
    [55.8034, '55.803'],
    [863.9139999, '863.914'],
    [1e15 + 0.0625, '1000000000000000.000'],
  ])('%d is %s', (value, text) => expect(pythonFixed3(value)).toBe(text))
})
