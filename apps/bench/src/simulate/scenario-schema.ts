import type { Scenario, ScenarioChange } from '@flexgen/backend-simulated'
import { z } from 'zod'

const seed = z.int().nonnegative()
const length = z.int().positive()

const speeds = [
  'hostToDevice',
  'deviceToHost',
  'diskRead',
  'diskWrite',
  'ramRead',
  'deviceCompute',
  'hostCompute',
] as const

const change = z
  .strictObject({
    atSeconds: z.number().nonnegative().optional(),
    atSweep: z.int().nonnegative().optional(),
    speed: z.enum(speeds).optional(),
    factor: z.number().positive().optional(),
    budget: z.enum(['device', 'ram', 'disk']).optional(),
    bytes: z.number().nonnegative().optional(),
  })
  .refine(
    ({ atSeconds, atSweep, speed, factor, budget, bytes }) =>
      (atSeconds === undefined) !== (atSweep === undefined) &&
      (speed === undefined) === (factor === undefined) &&
      (budget === undefined) === (bytes === undefined) &&
      (speed === undefined) !== (budget === undefined),
    { error: 'a speed with its factor, or a budget with its bytes, and atSeconds or atSweep' },
  ) as unknown as z.ZodType<ScenarioChange>

/** The form of a scenario file; schema/scenario.schema.json is this. */
export const scenarioSchema: z.ZodType<Scenario> = z
  .strictObject({
    schemaVersion: z.literal(1),
    description: z.string().optional(),
    noise: z
      .strictObject({ spread: z.number().nonnegative().lt(1), seed: seed.optional() })
      .optional()
      .meta({ description: 'every operation takes up to this share longer or shorter' }),
    changes: z
      .array(change)
      .optional()
      .meta({ description: 'seconds and sweeps count from the beginning of the measured generation' }),
    lengths: z
      .union([
        z.array(length).min(1),
        z
          .strictObject({ least: length, most: length, seed: seed.optional() })
          .refine(({ least, most }) => most >= least, { error: 'most is below least' }),
      ])
      .optional()
      .meta({ description: 'new tokens of the sequences: a list gone through again and again, or drawn from a range' }),
    tokenSeed: seed.optional(),
    diskWay: z
      .enum(['direct', 'buffered', 'cached'])
      .optional()
      .meta({ description: 'past the page cache, through it, or with all that is read in it already' }),
  })
  .meta({
    title: 'flexgen simulation scenario',
    description: 'the file of flexgen bench --scenario',
  }) as unknown as z.ZodType<Scenario>
