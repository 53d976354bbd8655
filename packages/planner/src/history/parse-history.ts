import { z } from 'zod'
import { parseFile } from '../schema/parse-file.ts'
import type { HistoryFile } from './run-record.ts'

const seconds = z.number().nonnegative()
const times = z.strictObject({
  prefillSeconds: seconds,
  decodeStepSeconds: seconds,
  ramBytes: z.number().nonnegative(),
})

const schema: z.ZodType<HistoryFile> = z.strictObject({
  schemaVersion: z.literal(1),
  runs: z.array(
    z.strictObject({
      at: z.string(),
      hardware: z.string(),
      backend: z.string(),
      model: z.string(),
      gpuBatchSize: z.int().positive(),
      numGpuBatches: z.int().positive(),
      percent: z.array(z.number()).length(6),
      promptTokens: z.number().positive(),
      newTokens: z.number().positive(),
      prefillBoundBy: z.string(),
      decodeBoundBy: z.string(),
      predicted: times,
      measured: times,
    }),
  ),
})

/**
 * A checked history of runs.
 * @param origin where it is from, for messages
 * @throws {FlexgenError} `UNSUPPORTED_DATA` for another schema version, `CORRUPT_DATA` for wrong fields
 */
export function parseHistory(value: unknown, origin: string): HistoryFile {
  return parseFile(schema, value, { title: 'history of runs', origin, remedy: 'delete the file: it is made again' })
}
