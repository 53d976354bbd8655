/** A Markdown table; columns without a value in any row are left out, and so is a table without rows. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const kept = columns.map((_, at) => at).filter((at) => rows.some((row) => (row[at] ?? '') !== ''))
  if (rows.length === 0) return ''
  const line = (cells: readonly string[]) => `| ${kept.map((at) => escape(cells[at] ?? '')).join(' | ')} |`
  return [line(columns), `|${kept.map((at) => (at === 0 ? '---' : '---:')).join('|')}|`, ...rows.map(line)].join('\n')
}

function escape(cell: string): string {
  return cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
