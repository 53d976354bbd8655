import { floatsOf, floatTensor, intTensor, runKernel, type TensorData } from '@flexgen/conformance'
import type {
  Backend,
  CacheRow,
  GraphValue,
  Kernel,
  LayerGraph,
  Model,
  ScheduleLayer,
  Stage,
  WeightSource,
} from '@flexgen/spec'

/** Runs a model for one sequence with every weight at hand: the shortest way from ids to logits. */
export interface ModelRunner extends AsyncDisposable {
  /** Logits of the given ids, which stand at `start` and after it: rows of all of them, or of the last one. */
  forward(ids: readonly number[], start: number, head: 'all' | 'last'): Promise<Float32Array[]>
}

/** Makes a runner for one sequence of at most `maxPositions`. Weights are widened to float32. */
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

  /** Runs the stages of a layer over the values that are there, and gives the last output. */
  const runStages = async (
    stages: readonly Stage[],
    layer: number,
    values: Readonly<Record<string, TensorData>>,
  ): Promise<TensorData> => {
    let all = { ...values, ...weights[layer] }
    let last: TensorData | undefined
    for (const { graph } of stages) {
      const rows = Object.fromEntries(graph.caches.map((cache) => [cache.name, [caches[layer]!]]))
      const outputs = await runKernel(backend, await kernelOf(graph), all, { caches: rows })
      all = { ...all, ...outputs }
      last = outputs[graph.outputs[0]!.name]
    }
    return last!
  }

  return {
    async forward(ids, start, head) {
      const system = {
        ids: intTensor([1, ids.length], ids),
        positions: intTensor(
          [1, ids.length],
          ids.map((_, i) => start + i),
        ),
        lengths: intTensor([1], [start + ids.length]),
      }
      let hidden: TensorData | undefined
      for (const [index, layer] of model.layers.entries()) {
        const stages = layer.kind === 'head' && head === 'all' ? model.headAllPositions : layer.stages
        hidden = await runStages(stages, index, hidden === undefined ? system : { ...system, hidden })
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

async function readWeights(layer: ScheduleLayer, source: WeightSource): Promise<Record<string, TensorData>> {
  const entries = layer.weights.map(async ({ name, shape, parts }) => {
    const pieces = parts.map(async ({ tensor }) => {
      const { byteLength, ...info } = source.tensors.get(tensor)!
      const bytes = new Uint8Array(byteLength)
      await source.read(tensor, 0, bytes)
      return [...floatsOf({ ...info, bytes })]
    })
    return [name, floatTensor(shape, (await Promise.all(pieces)).flat())] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

function inFloat32(graph: LayerGraph): LayerGraph {
  const resolve = (value: GraphValue): GraphValue =>
    value.dtype === 'compute' || value.dtype === 'weight' ? { ...value, dtype: 'float32' } : value
  return { ...graph, inputs: graph.inputs.map(resolve), outputs: graph.outputs.map(resolve) }
}
