import { writeTexts } from '../run/output-folder.ts'
import type { BenchReport } from './bench-report.ts'
import { formatCsv } from './csv.ts'

/**
 * Writes `report.json`, `report.csv` and `report.html` into a folder.
 * @returns the files
 * @throws {FlexgenError} `NOT_WRITABLE`, `OUT_OF_DISK`
 */
export async function writeReport(report: BenchReport, folder: string): Promise<string[]> {
  // Plots are large to load; nothing else needs them.
  const { renderPage } = await import('../page/render-page.ts')
  return writeTexts(folder, {
    'report.json': `${JSON.stringify(report, undefined, 2)}\n`,
    'report.csv': formatCsv(report),
    'report.html': await renderPage(report),
  })
}
