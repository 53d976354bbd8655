import { z } from 'zod'
import type { CaseSettings } from '../case/case-settings.ts'
import { type Link, linkSchema, type MeasuredLink } from '../measure/measured-link.ts'
import type { Measurement, Phase } from '../measure/measurement.ts'
import { queueInfo } from '../measure/queue-kinds.ts'

/** What a run made of a link in one phase. */
export interface LinkUse {
  readonly link: Link
  readonly phase: Phase
  readonly sizeBytes: number
  /** Over the whole time of the phase. */
  readonly bytesPerSecond: number
  /** Share of the bandwidth that was measured alone; absent where none was. May exceed 1 by noise. */
  readonly utilisation?: number
  /** Of the link to a device: share of the phase in which a copy was under way, and its speed then. */
  readonly busy?: { readonly share: number; readonly bytesPerSecond: number }
}

const amount = z.number().nonnegative()

/** Schema of `LinkUse`. */
export const linkUseSchema: z.ZodType<LinkUse> = z.object({
  link: linkSchema,
  phase: z.enum(['prefill', 'decode']),
  sizeBytes: amount,
  bytesPerSecond: amount,
  utilisation: z.exactOptional(amount),
  busy: z.exactOptional(z.object({ share: amount, bytesPerSecond: amount })),
})

/**
 * Use of every link that moved bytes. Where a run slowed the disk down, that is what the link gave alone at most.
 * @param direct whether the run read around the page cache; writes always go through it
 */
export function linkUsesOf(
  measurement: Measurement,
  { direct, diskBytesPerSecond }: Pick<CaseSettings, 'direct' | 'diskBytesPerSecond'>,
  measured: readonly MeasuredLink[],
): LinkUse[] {
  const { queues, phaseSeconds, deviceLinks = [] } = measurement
  const alone = (link: Link, way = false): number =>
    measured.find((each) => each.link === link && each.direct === way)?.bytesPerSecond ?? Number.POSITIVE_INFINITY
  const useOf = (link: Link, phase: Phase, sizeBytes: number, bandwidth: number): LinkUse => {
    const bytesPerSecond = sizeBytes / phaseSeconds[phase]
    const utilisation = Number.isFinite(bandwidth) ? { utilisation: bytesPerSecond / bandwidth } : {}
    return { link, phase, sizeBytes, bytesPerSecond, ...utilisation }
  }
  const ofDisk = (['disk read', 'disk write'] as const).flatMap((link) =>
    (['prefill', 'decode'] as const).flatMap((phase) => {
      const sizeBytes = queues
        .filter((queue) => queue.phase === phase && queueInfo(queue.queue).link === link)
        .reduce((sum, queue) => sum + queue.sizeBytes, 0)
      if (sizeBytes === 0) return []
      const bandwidth = alone(link, direct && link === 'disk read')
      return [useOf(link, phase, sizeBytes, Math.min(bandwidth, diskBytesPerSecond ?? Number.POSITIVE_INFINITY))]
    }),
  )
  const ofDevice = deviceLinks.map(({ link, phase, busySeconds, sizeBytes }) => ({
    ...useOf(link, phase, sizeBytes, alone(link)),
    ...(busySeconds > 0 && {
      busy: { share: busySeconds / phaseSeconds[phase], bytesPerSecond: sizeBytes / busySeconds },
    }),
  }))
  return [...ofDisk, ...ofDevice]
}
