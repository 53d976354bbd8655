import type { Binding, Kernel, LayerGraph, PreparedKernel, QueueEvent, ScheduleLayer, Span } from '@flexgen/spec'
import type { UnitPlacement } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { BatchInputs } from './batch-inputs.ts'

/** A unit with its place. */
export interface PlacedUnit {
  readonly unit: WeightUnit
  readonly place: UnitPlacement
}

/** A system input that the engine provides. */
export type SystemInputName = keyof BatchInputs

/** A kernel and its bindings; there are as many as runs of it are under way at once. */
export interface BoundKernel {
  kernel: Kernel
  readonly bindings: { readonly binding: Binding; lastUse: QueueEvent | undefined }[]
}

/** A part of a layer that runs as one kernel. */
export interface StageRuntime extends BoundKernel {
  readonly graph: LayerGraph
  /** Name of the hidden input; undefined where it has none. */
  readonly hiddenInput: string | undefined
  /** What passes between the stages of a layer. */
  readonly activationInputs: readonly string[]
  readonly outputs: readonly string[]
  /** Name of the cache; undefined where the stage has none. */
  readonly cache: string | undefined
  readonly systemInputs: readonly SystemInputName[]
  readonly units: readonly PlacedUnit[]
  /** The kernel with all weights as inputs, shared by stages of the same graph; `kernel` is it, or one that holds weights. */
  readonly base: Kernel
  prepared: PreparedKernel | undefined
  /** The same graph on the host backend; only for attention, and only where the host attends. */
  readonly host: BoundKernel | undefined
}

/** A schedule layer as the engine runs it. */
export interface LayerRuntime {
  readonly index: number
  readonly layer: ScheduleLayer
  /** One, or where the host attends: what comes before attention, attention, what comes after. */
  readonly stages: readonly StageRuntime[]
  /** Whether it has a KV cache. */
  readonly hasCache: boolean
  readonly units: readonly PlacedUnit[]
  /** Weights that lie where kernels can read them for the whole life of the engine, by input name. */
  readonly residentSpans: Map<string, Span>
}

/** Whether a stage holds matrices in a prepared kernel; vectors alone are bound as inputs, so that kernels are shared. */
export function isPrepared(stage: StageRuntime): boolean {
  return deviceUnits(stage).some(({ unit }) => unit.kind === 'matrix')
}

/** The units that the policy puts on the device. */
export function deviceUnits({ units }: Pick<StageRuntime, 'units'>): PlacedUnit[] {
  return units.filter(({ place }) => place.tier === 'device')
}

/** The units of a layer that stream through staging on every sweep. */
export function streamedUnits(runtime: LayerRuntime, hostVisible: boolean): PlacedUnit[] {
  return runtime.units.filter(({ unit, place }) => {
    if (place.tier === 'device' || gathersRows({ unit, place })) return false
    return !hostVisible || place.blocks.some((block) => block.tier === 'disk')
  })
}

/** Whether only the rows of the sweep's ids are read, because some of the table lies on disk. */
export function gathersRows({ unit, place }: PlacedUnit): boolean {
  return unit.spec.access === 'rows' && place.tier === 'streamed' && place.blocks.some((block) => block.tier === 'disk')
}

/** The token table of which only rows are read; undefined where it is at hand as a whole. */
export function findGatheredTable(runtimes: readonly LayerRuntime[]): WeightUnit | undefined {
  return runtimes.flatMap((runtime) => runtime.units).find(gathersRows)?.unit
}

/** A binding of the kernel that no run uses. */
export function freeBinding({ kernel, bindings }: BoundKernel): BoundKernel['bindings'][number] {
  const free = bindings.find(({ lastUse }) => lastUse === undefined || lastUse.isDone())
  if (free !== undefined) return free
  const made = { binding: kernel.createBinding(), lastUse: undefined }
  bindings.push(made)
  return made
}

/** Every kernel of some layers with its bindings. */
export function boundKernels(runtimes: readonly LayerRuntime[]): BoundKernel[] {
  return runtimes.flatMap(({ stages }) =>
    stages.flatMap((stage): BoundKernel[] => (stage.host === undefined ? [stage] : [stage, stage.host])),
  )
}
