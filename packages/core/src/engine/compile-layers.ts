import type { Backend, DType, Kernel, LayerGraph, ScheduleLayer, Stage } from '@flexgen/spec'
import { fuseGraphs } from '../graph/fuse-graphs.ts'
import { choosesIds, withGreedyIds } from '../graph/greedy-ids.ts'
import { resolveGraph } from '../graph/resolve-graph.ts'
import type { UnitPlacement } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { Cleanup } from './cleanup.ts'
import type { LayerRuntime, PlacedUnit, StageRuntime, SystemInputName } from './layer-runtime.ts'

/** What layers are compiled for. */
export interface CompileOptions {
  readonly backend: Backend
  /** Where attention is compiled as well; undefined where the device alone attends. */
  readonly attentionHost: Backend | undefined
  readonly layers: readonly ScheduleLayer[]
  readonly units: readonly WeightUnit[]
  readonly placement: readonly UnitPlacement[]
  readonly computeDtype: DType
  readonly attentionSparsity: number
  /** Gets a step for every kernel, also where a later one fails. */
  readonly cleanup: Cleanup
}

const systemInputNames: readonly SystemInputName[] = ['ids', 'positions', 'lengths']

/** Compiles the layers; stages whose graphs are alike share one kernel. */
export async function compileLayers(options: CompileOptions): Promise<LayerRuntime[]> {
  const { backend, attentionHost, layers, units, placement, computeDtype, attentionSparsity, cleanup } = options
  const compile = sharingCompiler(backend, cleanup)
  const compileOnHost = attentionHost === undefined ? undefined : sharingCompiler(attentionHost, cleanup)
  const placed = units.map((unit, i): PlacedUnit => ({ unit, place: placement[i]! }))
  const runtimes: LayerRuntime[] = []
  for (const [index, layer] of layers.entries()) {
    const isHead = index === layers.length - 1
    const own = placed.filter(({ unit }) => unit.layer === index)
    const weightDtypes = new Map(own.map(({ unit }) => [unit.spec.name, unit.dtype]))
    const stages: StageRuntime[] = []
    for (const { name, stages: group } of attentionHost === undefined ? [whole(layer)] : splitAtAttention(layer)) {
      const fused = fuseGraphs(
        name,
        group.map(({ graph }) => graph),
        readAfter(layer, group),
      )
      const given = isHead && choosesIds(backend) ? withGreedyIds(fused) : fused
      const graph = resolveGraph(given, { computeDtype, weightDtypes, attentionSparsity })
      const isAttention = group.some(({ kind }) => kind === 'attention')
      const host = isAttention && compileOnHost !== undefined ? await compileOnHost(graph) : undefined
      stages.push(createStage(graph, own, await compile(graph), host))
    }
    const hasCache = stages.some(({ cache }) => cache !== undefined)
    runtimes.push({ index, layer, stages, hasCache, units: own, residentSpans: new Map() })
  }
  return runtimes
}

function sharingCompiler(backend: Backend, cleanup: Cleanup): (graph: LayerGraph) => Promise<Kernel> {
  const kernels = new Map<string, Kernel>()
  return async (graph) => {
    const key = JSON.stringify(graph)
    const known = kernels.get(key)
    if (known !== undefined) return known
    const made = await backend.compile(graph)
    cleanup.add(() => made[Symbol.asyncDispose]())
    kernels.set(key, made)
    return made
  }
}

interface StageGroup {
  readonly name: string
  readonly stages: readonly Stage[]
}

function whole({ kind, stages }: ScheduleLayer): StageGroup {
  return { name: kind, stages }
}

/** Attention apart from what comes before and after it; a layer without attention stays whole. */
function splitAtAttention(layer: ScheduleLayer): StageGroup[] {
  const { kind, stages } = layer
  const at = stages.findIndex((stage) => stage.kind === 'attention')
  if (at < 0) return [whole(layer)]
  return [
    { name: `${kind}.before`, stages: stages.slice(0, at) },
    { name: `${kind}.attend`, stages: stages.slice(at, at + 1) },
    { name: `${kind}.after`, stages: stages.slice(at + 1) },
  ]
}

/** Names that later stages of the layer read, so that they are outputs of these. */
function readAfter(layer: ScheduleLayer, group: readonly Stage[]): ReadonlySet<string> {
  const later = layer.stages.slice(layer.stages.indexOf(group.at(-1)!) + 1)
  return new Set(later.flatMap(({ graph }) => graph.inputs.map(({ name }) => name)))
}

function createStage(
  graph: LayerGraph,
  placed: readonly PlacedUnit[],
  base: Kernel,
  hostKernel: Kernel | undefined,
): StageRuntime {
  const inputs = (role: string): string[] =>
    graph.inputs.filter((input) => input.role === role).map((input) => input.name)
  const weights = new Set(inputs('weight'))
  return {
    graph,
    hiddenInput: inputs('hidden')[0],
    activationInputs: inputs('activation'),
    outputs: graph.outputs.map(({ name }) => name),
    cache: graph.caches[0]?.name,
    systemInputs: systemInputNames.filter((name) => inputs('system').includes(name)),
    units: placed.filter(({ unit }) => weights.has(unit.spec.name)),
    base,
    kernel: base,
    prepared: undefined,
    bindings: [],
    host: hostKernel === undefined ? undefined : { kernel: hostKernel, bindings: [] },
  }
}
