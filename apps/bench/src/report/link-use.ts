import { z } from 'zod'
import type { CaseSettings } from '../case/case-settings.ts'
import type { MeasuredLink } from '../measure/measured-link.ts'
import type { Measurement, Phase } from '../measure/measurement.ts'
import { type DiskLink, queueInfo } from '../measure/queue-kinds.ts'

/** What a run made of a link in one phase. */
export interface LinkUse {
  readonly link: DiskLink
  readonly phase: Phase
  readonly sizeBytes: number
  /** Over the whole time of the phase. */
  readonly bytesPerSecond: number
  /** Share of the bandwidth that was measured alone; absent where none was. May exceed 1 by noise. */
  readonly utilisation?: number
}

const amount = z.number().nonnegative()

/** Schema of `LinkUse`. */
export const linkUseSchema: z.ZodType<LinkUse> = z.object({
  link: z.enum(['disk read', 'disk write']),
  phase: z.enum(['prefill', 'decode']),
  sizeBytes: amount,
  bytesPerSecond: amount,
  utilisation: z.exactOptional(amount),
})

/**
 * Use of every link that moved bytes. Where a run slowed the disk down, that is what the link gave alone at most.
 * @param direct whether the run read around the page cache; writes always go through it
 */
export function linkUsesOf(
  { queues, phaseSeconds }: Measurement,
  { direct, diskBytesPerSecond }: Pick<CaseSettings, 'direct' | 'diskBytesPerSecond'>,
  measured: readonly MeasuredLink[],
): LinkUse[] {
  return (['disk read', 'disk write'] as const).flatMap((link) =>
    (['prefill', 'decode'] as const).flatMap((phase) => {
      const sizeBytes = queues
        .filter((queue) => queue.phase === phase && queueInfo(queue.queue).link === link)
        .reduce((sum, queue) => sum + queue.sizeBytes, 0)
      if (sizeBytes === 0) return []
      const bytesPerSecond = sizeBytes / phaseSeconds[phase]
      const way = direct && link === 'disk read'
      const found = measured.find((each) => each.link === link && each.direct === way)?.bytesPerSecond
      const bandwidth = Math.min(found ?? Number.POSITIVE_INFINITY, diskBytesPerSecond ?? Number.POSITIVE_INFINITY)
      const utilisation = Number.isFinite(bandwidth) ? { utilisation: bytesPerSecond / bandwidth } : {}
      return [{ link, phase, sizeBytes, bytesPerSecond, ...utilisation }]
    }),
  )
}
