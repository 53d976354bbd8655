import { expect, it } from 'vitest'
import { transposeInto } from './transpose-into.ts'

it.each([
  [1, 1],
  [3, 5],
  [32, 64],
  [33, 70],
])('transposes a matrix of %i rows and %i columns', (rows, columns) => {
  const source = Float32Array.from({ length: rows * columns }, (_, i) => i)
  const target = new Float32Array(source.length)
  transposeInto(source, rows, columns, target)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) expect(target[j * rows + i]).toBe(source[i * columns + j])
})
