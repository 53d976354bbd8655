import type {
  Backend,
  Binding,
  DType,
  Kernel,
  LayerGraph,
  PreparedKernel,
  QueueEvent,
  ScheduleLayer,
  Span,
} from '@flexgen/spec'
import { fuseGraphs } from '../graph/fuse-graphs.ts'
import { resolveGraph } from '../graph/resolve-graph.ts'
import type { UnitPlacement } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { BatchInputs } from './batch-inputs.ts'
import type { Cleanup } from './cleanup.ts'

/** A unit with its place. */
export interface PlacedUnit {
  readonly unit: WeightUnit
  readonly place: UnitPlacement
}

/** A system input that the engine provides. */
export type SystemInputName = keyof BatchInputs

const systemInputNames: readonly SystemInputName[] = ['ids', 'positions', 'lengths']

/** A schedule layer as the engine runs it. */
export interface LayerRuntime {
  readonly index: number
  readonly layer: ScheduleLayer
  readonly graph: LayerGraph
  /** Name of the hidden input; undefined for the embedding. */
  readonly hiddenInput: string | undefined
  readonly output: string
  /** Name of the cache; undefined where the layer has none. */
  readonly cache: string | undefined
  readonly systemInputs: readonly SystemInputName[]
  readonly units: readonly PlacedUnit[]
  /** The kernel with all weights as inputs, shared by layers of the same graph. */
  readonly base: Kernel
  /** What runs: `base`, or one that holds the device's weights. */
  kernel: Kernel
  prepared: PreparedKernel | undefined
  /** Weights that lie where kernels can read them for the whole life of the engine, by input name. */
  readonly residentSpans: Map<string, Span>
  readonly bindings: { readonly binding: Binding; lastUse: QueueEvent | undefined }[]
}

/**
 * Compiles the layers; layers whose graphs are alike but for their name share one kernel.
 * @param cleanup gets a step for every kernel, also where a later one fails
 */
export async function compileLayers(
  backend: Backend,
  layers: readonly ScheduleLayer[],
  units: readonly WeightUnit[],
  placement: readonly UnitPlacement[],
  computeDtype: DType,
  cleanup: Cleanup,
): Promise<LayerRuntime[]> {
  const kernels = new Map<string, Kernel>()
  const runtimes: LayerRuntime[] = []
  const placed = units.map((unit, i): PlacedUnit => ({ unit, place: placement[i]! }))
  for (const [index, layer] of layers.entries()) {
    const own = placed.filter(({ unit }) => unit.layer === index)
    const dtypes = new Map(own.map(({ unit }) => [unit.spec.name, unit.dtype]))
    const fused = fuseGraphs(
      layer.kind,
      layer.stages.map((stage) => stage.graph),
    )
    const graph = resolveGraph(fused, computeDtype, dtypes)
    const key = JSON.stringify(graph)
    let base = kernels.get(key)
    if (base === undefined) {
      const made = await backend.compile(graph)
      cleanup.add(() => made[Symbol.asyncDispose]())
      kernels.set(key, made)
      base = made
    }
    runtimes.push(createRuntime(index, layer, graph, own, base))
  }
  return runtimes
}

function createRuntime(
  index: number,
  layer: ScheduleLayer,
  graph: LayerGraph,
  units: readonly PlacedUnit[],
  base: Kernel,
): LayerRuntime {
  return {
    index,
    layer,
    graph,
    hiddenInput: graph.inputs.find((input) => input.role === 'hidden')?.name,
    output: graph.outputs[0]!.name,
    cache: graph.caches[0]?.name,
    systemInputs: systemInputNames.filter((name) => graph.inputs.some((input) => input.name === name)),
    units,
    base,
    kernel: base,
    prepared: undefined,
    residentSpans: new Map(),
    bindings: [],
  }
}

/** Whether a layer holds matrices in a prepared kernel; vectors alone are bound as inputs, so that kernels are shared. */
export function isPrepared(runtime: LayerRuntime): boolean {
  return deviceUnits(runtime).some(({ unit }) => unit.kind === 'matrix')
}

/** The units of a layer that the policy puts on the device. */
export function deviceUnits(runtime: LayerRuntime): PlacedUnit[] {
  return runtime.units.filter(({ place }) => place.tier === 'device')
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

/** A binding of the layer that no run uses; there are as many as runs of the layer are under way at once. */
export function freeBinding(runtime: LayerRuntime): LayerRuntime['bindings'][number] {
  const free = runtime.bindings.find(({ lastUse }) => lastUse === undefined || lastUse.isDone())
  if (free !== undefined) return free
  const made = { binding: runtime.kernel.createBinding(), lastUse: undefined }
  runtime.bindings.push(made)
  return made
}
