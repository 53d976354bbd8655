import type { LayerGraph, ScheduleLayer, Stage } from '@flexgen/spec'
import { renameGraph } from './fuse-graphs.ts'

/**
 * The schedule layers of a run: as the model gives them, or with attention and mlp of a decoder block merged into
 * one (FlexGen's `--sep-layer false`), which halves the steps and doubles what is in flight.
 */
export function mergeLayers(layers: readonly ScheduleLayer[], sepLayer: boolean): ScheduleLayer[] {
  if (sepLayer) return [...layers]
  const merged: ScheduleLayer[] = []
  for (const layer of layers) {
    const before = merged.at(-1)
    if (before?.block !== undefined && before.block === layer.block) merged[merged.length - 1] = join(before, layer)
    else merged.push(layer)
  }
  return merged
}

function join(first: ScheduleLayer, second: ScheduleLayer): ScheduleLayer {
  const hiddenOut = hiddenOutput(first.stages)
  const hiddenIn = hiddenInput(second.stages)
  const rename = (name: string): string => (name === hiddenIn ? hiddenOut : `${second.kind}.${name}`)
  return {
    ...first,
    name: `${first.name}+${second.kind}`,
    weights: [...first.weights, ...second.weights.map((weight) => ({ ...weight, name: rename(weight.name) }))],
    stages: [...first.stages, ...second.stages.map((stage) => ({ ...stage, graph: renameGraph(stage.graph, rename) }))],
  }
}

function hiddenInput(stages: readonly Stage[]): string | undefined {
  return stages.flatMap((stage) => stage.graph.inputs).find((input) => input.role === 'hidden')?.name
}

function hiddenOutput(stages: readonly Stage[]): string {
  return lastGraph(stages).outputs[0]!.name
}

function lastGraph(stages: readonly Stage[]): LayerGraph {
  return stages.at(-1)!.graph
}
