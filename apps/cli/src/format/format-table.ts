import { stripVTControlCharacters } from 'node:util'

/** Lines of a table: columns two spaces apart, the first left, the others right; colours do not count. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, visibleLength(cell))))
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const gap = ' '.repeat(widths[column]! - visibleLength(cell))
        return column === 0 ? cell + gap : gap + cell
      })
      .join('  ')
      .trimEnd(),
  )
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length
}
