import { formatCsvRows } from '../report/csv-rows.ts'
import type { QualityReport } from './quality-report.ts'

const columns = [
  'key',
  'title',
  'backend',
  'tokens',
  'perplexity',
  'rise_percent',
  'limit_percent',
  'passes',
  'seconds',
  'failure',
] as const

/** Every variant as a row of CSV. */
export function formatQualityCsv({ rows }: QualityReport): string {
  const values = rows.map((row) => [
    row.key,
    row.title,
    row.backend,
    row.tokens,
    row.perplexity,
    row.risePercent,
    row.limitPercent,
    row.passes,
    row.seconds,
    row.failure?.message,
  ])
  return formatCsvRows([columns, ...values])
}
