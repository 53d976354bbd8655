import type { BenchReport } from './bench-report.ts'
import { formatCsvRows } from './csv-rows.ts'

const columns = [
  'side',
  'title',
  'kind',
  'repetition',
  'sitting',
  'started_at',
  'prefill_s',
  'decode_s',
  'prefill_tok_s',
  'decode_tok_s',
  'total_tok_s',
  'peak_rss_bytes',
  'peak_anonymous_bytes',
  'wall_s',
  'command',
] as const

/** Every repetition of every side as CSV (RFC 4180), one a row; what is not known is empty. */
export function formatCsv({ sides }: BenchReport): string {
  const rows = sides.flatMap(({ title, kind, command, repetitions }, side) =>
    repetitions.map((each): Record<(typeof columns)[number], string | number | undefined> => ({
      side,
      title,
      kind,
      repetition: each.repetition,
      sitting: each.sitting,
      started_at: each.startedAt,
      prefill_s: each.prefillSeconds,
      decode_s: each.decodeSeconds,
      prefill_tok_s: each.prefillTokensPerSecond,
      decode_tok_s: each.decodeTokensPerSecond,
      total_tok_s: each.totalTokensPerSecond,
      peak_rss_bytes: each.processMemory?.peakRssBytes,
      peak_anonymous_bytes: each.processMemory?.peakAnonymousBytes,
      wall_s: each.wallSeconds,
      command,
    })),
  )
  return formatCsvRows([columns, ...rows.map((row) => columns.map((column) => row[column]))])
}
