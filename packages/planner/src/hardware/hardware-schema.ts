import { dtypes } from '@flexgen/spec'
import { z } from 'zod'
import type { HardwareProfile } from './hardware-profile.ts'

const above0 = z.number().positive()
const atLeast0 = z.number().nonnegative()
const count = z.int().positive()
const dtype = z.enum(dtypes)
const spread = atLeast0.optional()

const rate = z.strictObject({ bytesPerSecond: above0, spread })
const hostLink = z.strictObject({ pinned: rate, pageable: rate })
const diskLink = z.strictObject({ direct: rate, buffered: rate, cached: rate.optional() })
const beside = z.strictObject({ read: above0.max(1), compute: above0.max(1) })
const link = z.enum(['hostToDevice', 'deviceToHost', 'diskRead', 'diskWrite', 'ramRead'])

const compute = z.strictObject({
  backend: z.string(),
  matmul: z
    .array(
      z.strictObject({
        dtype,
        weights: z.enum(['prepared', 'bound', 'q4']),
        weightDtype: dtype.optional(),
        rows: count,
        flopsPerSecond: above0,
        spread,
      }),
    )
    .min(1),
  decodeAttention: z.array(z.strictObject({ dtype, sequences: count, bytesPerSecond: above0, spread })).min(1),
  prefillAttention: z.array(z.strictObject({ dtype, promptTokens: count, flopsPerSecond: above0, spread })).min(1),
  dequantizeBytesPerSecond: above0,
  quantizeBytesPerSecond: above0,
  stageSeconds: atLeast0.optional(),
  attentionRowSeconds: atLeast0.optional(),
  elementwiseSeconds: atLeast0.optional(),
})

const flexgen = z.strictObject({
  ramToDeviceBytesPerSecond: above0,
  deviceToRamCacheBytesPerSecond: above0,
  deviceToRamHiddenBytesPerSecond: above0,
  diskReadBytesPerSecond: above0,
  diskWriteCachePrefillBytesPerSecond: above0,
  diskWriteDecodeBytesPerSecond: above0,
  matmulPrefillFlopsPerSecond: above0,
  matmulDecodeFlopsPerSecond: above0,
  attentionPrefillFlopsPerSecond: above0,
  attentionDecodeFlopsPerSecond: above0,
  hostAttentionFlopsPerSecond: above0,
  hostSlowdown: z.strictObject({ both: atLeast0, batch: atLeast0, hidden: atLeast0 }),
})

const profile = z
  .strictObject({
    schemaVersion: z.literal(1),
    name: z.string().min(1),
    description: z.string(),
    measuredAt: z.iso.datetime({ offset: true }).optional(),
    versions: z.record(z.string(), z.string()).optional(),
    assumed: z.array(z.string()).optional(),
    machine: z.strictObject({
      device: z.enum(['host', 'gpu']),
      deviceName: z.string().optional(),
      cpuName: z.string().optional(),
      cpuCores: count,
    }),
    capacity: z.strictObject({ deviceBytes: above0, ramBytes: above0, diskBytes: atLeast0 }),
    links: z.strictObject({
      hostToDevice: hostLink.optional(),
      deviceToHost: hostLink.optional(),
      pinning: rate.optional(),
      diskRead: diskLink,
      diskWrite: diskLink,
      ramRead: rate,
    }),
    shared: z
      .array(z.strictObject({ links: z.tuple([link, link]), bytesPerSecond: z.tuple([above0, above0]) }))
      .optional(),
    besideReads: z
      .strictObject({ direct: beside.optional(), buffered: beside.optional(), cached: beside.optional() })
      .optional(),
    compute: z.strictObject({ device: compute, host: compute.optional(), others: z.array(compute).optional() }),
    costs: z.strictObject({ stageSeconds: atLeast0, transferSeconds: atLeast0, sweepSeconds: atLeast0 }),
    flexgen: flexgen.optional(),
  })
  .superRefine(({ machine, links, compute: places }, context) => {
    if (machine.device !== 'gpu') return
    const needed = [
      ['links', 'hostToDevice', links.hostToDevice],
      ['links', 'deviceToHost', links.deviceToHost],
      ['compute', 'host', places.host],
    ] as const
    for (const [section, field, value] of needed) {
      if (value === undefined) context.addIssue({ code: 'custom', path: [section, field], message: 'missing' })
    }
  })

/** The schema of a hardware profile; optional fields may be absent, not undefined. */
export const hardwareSchema = profile as unknown as z.ZodType<HardwareProfile>
