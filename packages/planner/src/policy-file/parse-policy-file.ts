import { z } from 'zod'
import { costModelNames } from '../cost-model.ts'
import { parseFile } from '../schema/parse-file.ts'
import type { PolicyFile } from './policy-file.ts'

const share = z.number().min(0).max(100)
const count = z.int().positive()
const seconds = z.number().nonnegative()

const percent = z
  .tuple([share, share, share, share, share, share])
  .refine(
    ([wd, wr, cd, cr, hd, hr]) => wd + wr <= 100 && cd + cr <= 100 && hd + hr <= 100,
    'six percents, of which each pair is 100 at most',
  )

const schema = z.strictObject({
  schemaVersion: z.literal(1),
  policy: z.strictObject({
    gpuBatchSize: count,
    numGpuBatches: count,
    percent,
    cpuCacheCompute: z.boolean(),
    hostAttentionPercent: share,
    compressWeight: z.boolean(),
    compressCache: z.boolean(),
  }),
  plannedFor: z
    .strictObject({
      model: z.string(),
      hardware: z.string(),
      costModel: z.enum(costModelNames),
      promptTokens: count,
      newTokens: count,
    })
    .optional(),
  predicted: z
    .strictObject({ prefillSeconds: seconds, decodeSeconds: seconds, totalTokensPerSecond: seconds })
    .optional(),
})

/**
 * A checked policy file.
 *
 * @param value parsed JSON
 * @param origin where it is from, for messages, such as the path of a file
 * @throws {FlexgenError} `UNSUPPORTED_DATA` for another schema version, `CORRUPT_DATA` for fields that are missing,
 * unknown or out of their range
 */
export function parsePolicyFile(value: unknown, origin: string): PolicyFile {
  return parseFile(schema as unknown as z.ZodType<PolicyFile>, value, {
    title: 'policy file',
    origin,
    remedy: 'correct the file, or make it again with flexgen plan --save',
  })
}
