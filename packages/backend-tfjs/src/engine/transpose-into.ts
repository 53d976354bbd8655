const blockSize = 32

/** Writes a matrix `[rows, columns]` transposed, block by block so that both sides stay in the cache. */
export function transposeInto(source: Float32Array, rows: number, columns: number, target: Float32Array): void {
  for (let row = 0; row < rows; row += blockSize) {
    const lastRow = Math.min(rows, row + blockSize)
    for (let column = 0; column < columns; column += blockSize) {
      const lastColumn = Math.min(columns, column + blockSize)
      for (let j = column; j < lastColumn; j++)
        for (let i = row; i < lastRow; i++) target[j * rows + i] = source[i * columns + j]!
    }
  }
}
