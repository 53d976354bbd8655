import {
  type Backend,
  type CacheRow,
  elementCount,
  type GraphValue,
  type Kernel,
  type LayerGraph,
  type Model,
  type ScheduleLayer,
  type Stage,
  type WeightSource,
} from '@flexgen/spec'
import { runKernel } from '../backend/run-graph.ts'
import { floatsOf, floatTensor, intTensor, type TensorData } from '../kit/tensor-data.ts'

/** Runs a model for one sequence with every weight at hand: the shortest way from ids to logits. */
export interface ModelRunner extends AsyncDisposable {
  /** Logits of the given ids, which stand at `start` and after it: rows of all of them, or of the last one. */
  forward(ids: readonly number[], start: number, head: 'all' | 'last'): Promise<Float32Array[]>
}

type Values = Readonly<Record<string, TensorData>>

/** Makes a runner for one sequence of at most `maxPositions`. Everything is computed in float32, weights are widened. */
export async function createModelRunner(
  backend: Backend,
  model: Model,
  source: WeightSource,
  maxPositions: number,
): Promise<ModelRunner> {
  const weights = await Promise.all(model.layers.map((layer) => readWeights(layer, source)))
  const kernels = new Map<LayerGraph, Kernel>()
  const kernelOf = async (graph: LayerGraph): Promise<Kernel> => {
    const kernel = kernels.get(graph) ?? (await backend.compile(inFloat32(graph)))
    kernels.set(graph, kernel)
    return kernel
  }
  const spec = { kvHeads: model.kvHeads, headDim: model.headDim, maxPositions, dtype: 'float32' } as const
  const caches: CacheRow[] = model.layers.map(() => ({ cache: backend.allocateCache(spec, 1), row: 0 }))

  /** Runs the stages of a layer over the hidden state and gives the first output of the last one. */
  const runLayer = async (index: number, stages: readonly Stage[], system: Values, hidden: TensorData | undefined) => {
    const name = hiddenInput(stages)
    let values: Values = { ...system, ...weights[index], ...(name !== undefined && hidden && { [name]: hidden }) }
    let last: TensorData | undefined
    for (const { graph } of stages) {
      const rows = Object.fromEntries(graph.caches.map((cache) => [cache.name, [caches[index]!]]))
      const outputs = await runKernel(backend, await kernelOf(graph), values, { caches: rows })
      values = { ...values, ...outputs }
      last = outputs[graph.outputs[0]!.name]
    }
    return last
  }

  return {
    async forward(ids, start, head) {
      const positions = ids.map((_, i) => start + i)
      const system = {
        ids: intTensor([1, ids.length], ids),
        positions: intTensor([1, ids.length], positions),
        lengths: intTensor([1], [start + ids.length]),
      }
      let hidden: TensorData | undefined
      for (const [index, layer] of model.layers.entries()) {
        const stages = layer.kind === 'head' && head === 'all' ? model.headAllPositions : layer.stages
        hidden = await runLayer(index, stages, system, hidden)
      }
      const logits = floatsOf(hidden!)
      const width = model.vocabularySize
      return Array.from({ length: logits.length / width }, (_, i) => logits.subarray(i * width, (i + 1) * width))
    },
    async [Symbol.asyncDispose]() {
      for (const { cache } of caches) backend.free(cache)
      for (const kernel of kernels.values()) await kernel[Symbol.asyncDispose]()
    },
  }
}

function hiddenInput(stages: readonly Stage[]): string | undefined {
  return stages[0]!.graph.inputs.find(({ role }) => role === 'hidden')?.name
}

async function readWeights({ weights }: ScheduleLayer, source: WeightSource): Promise<Values> {
  const entries = weights.map(async ({ name, shape, parts }) => {
    const values = new Float32Array(elementCount(shape))
    let filled = 0
    for (const { tensor } of parts) {
      const { byteLength, ...info } = source.tensors.get(tensor)!
      const bytes = new Uint8Array(byteLength)
      await source.read(tensor, 0, bytes)
      const part = floatsOf({ ...info, bytes })
      values.set(part, filled)
      filled += part.length
    }
    return [name, floatTensor(shape, values)] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

function inFloat32(graph: LayerGraph): LayerGraph {
  const resolve = (value: GraphValue): GraphValue =>
    value.dtype === 'compute' || value.dtype === 'weight' ? { ...value, dtype: 'float32' } : value
  return { ...graph, inputs: graph.inputs.map(resolve), outputs: graph.outputs.map(resolve) }
}
