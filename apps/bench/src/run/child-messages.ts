import type { ProfileHereOptions } from 'flexgen'
import type { CaseSettings } from '../case/case-settings.ts'
import type { CaseProgress } from '../measure/measure-case.ts'
import type { MeasureLinksOptions } from '../measure/measure-links.ts'
import type { HardwareProfile } from '@flexgen/planner'
import type { MeasuredLink } from '../measure/measured-link.ts'
import type { Measurement } from '../measure/measurement.ts'
import type { QualityMeasurement, QualitySettings } from '../quality/quality-settings.ts'
import type { Failure } from './outcome.ts'

/** What the process that measures is asked for, once. */
export type ChildRequest =
  | { readonly type: 'case'; readonly settings: CaseSettings; readonly traceFile?: string | undefined }
  | { readonly type: 'quality'; readonly settings: QualitySettings }
  | { readonly type: 'links'; readonly options: MeasureLinksOptions }
  | { readonly type: 'profile'; readonly options: Pick<ProfileHereOptions, 'backends' | 'threads' | 'offloadDir'> }

/** What answers each request. */
export interface ChildResults {
  readonly case: Measurement
  readonly quality: QualityMeasurement
  readonly links: readonly MeasuredLink[]
  readonly profile: HardwareProfile
}

/** What the process that measures sends: progress, and at the end a result or a failure. */
export type ChildMessage =
  | { readonly type: 'progress'; readonly progress: CaseProgress }
  | { readonly type: 'result'; readonly result: ChildResults[keyof ChildResults] }
  | { readonly type: 'failure'; readonly failure: Failure }
