import { elementCount, type GraphNode, InternalError, type NodeOf } from '@flexgen/spec'
import type { TensorInfo } from '@tensorflow/tfjs-core'
import { attention, type AttentionCache } from '../operators/attention.ts'
import { gather } from '../operators/gather.ts'
import { gelu } from '../operators/gelu.ts'
import { lastRows } from '../operators/last-position.ts'
import { linear } from '../operators/linear.ts'
import { layerNormalization, rmsNormalization } from '../operators/normalization.ts'
import { rotaryEmbedding } from '../operators/rotary-embedding.ts'
import { argMax, sample, topK } from '../operators/selection.ts'
import type { TensorEngine, TensorValues } from '../engine/tensor-engine.ts'
import type { Asking, RunValues } from './run-values.ts'
import { TensorScope } from './tensor-scope.ts'

/** What nodes of a run work with. */
export interface NodeContext {
  readonly engine: TensorEngine
  readonly values: RunValues
  readonly shapes: ReadonlyMap<string, readonly number[]>
  readonly caches: ReadonlyMap<string, AttentionCache>
}

/** Runs one node: reads its inputs from the values of the run and writes its outputs to them. */
export function* runNode(node: GraphNode, context: NodeContext): Asking<void> {
  const { values, shapes } = context
  const onHost = yield* hostResults(node, context)
  for (const [index, name] of node.outputs.entries()) {
    if (onHost !== undefined) values.setValues(name, shapes.get(name)!, onHost[index]!)
  }
  if (onHost !== undefined) return
  const scope = new TensorScope(context.engine)
  try {
    const results = tensorResults(node, context, scope)
    for (const [index, name] of node.outputs.entries())
      values.setTensor(name, shapes.get(name)!, scope.keep(results[index]!))
  } finally {
    scope.end()
  }
}

/** Results of operators that work in JavaScript; undefined for the others. */
function* hostResults(
  node: GraphNode,
  { engine, values, shapes, caches }: NodeContext,
): Asking<TensorValues[] | undefined> {
  const [first = '', second = ''] = node.inputs
  const width = shapes.get(first)!.at(-1)!
  switch (node.operator) {
    case 'Gather':
      return [gather(yield* values.table(first), values.integers(second), node.attributes.indexOffset)]
    case 'Attention':
      return [yield* attention(node, values, engine, caches.get(node.attributes.cache)!)]
    case 'ArgMax':
      return [argMax(yield* values.floats(first), width)]
    case 'TopK': {
      const largest = topK(yield* values.floats(first), width, node.attributes.k)
      return [largest.values, largest.indices]
    }
    case 'Sample': {
      const uniform = (yield* values.floats(second)).slice()
      return [sample(yield* values.floats(first), uniform, node.attributes)]
    }
    default:
      return undefined
  }
}

function tensorResults(node: GraphNode, context: NodeContext, scope: TensorScope): TensorInfo[] {
  const { values } = context
  const [first = '', second = '', third = ''] = node.inputs
  const x = values.tensor(first)
  switch (node.operator) {
    case 'Linear':
      return [linearResult(node, context, scope)]
    case 'Add':
      return [scope.add(x, values.tensor(second))]
    case 'Mul':
      return [scope.multiply(x, values.tensor(second))]
    case 'LayerNormalization':
      return [layerNormalization(scope, x, values.tensor(second), values.tensor(third), node.attributes.epsilon)]
    case 'RMSNormalization':
      return [rmsNormalization(scope, x, values.tensor(second), node.attributes.epsilon)]
    case 'Relu':
      return [scope.kernel('Relu', { x })]
    case 'Gelu':
      return [gelu(scope, x, node.attributes.approximate)]
    case 'Silu':
      return [scope.multiply(x, scope.kernel('Sigmoid', { x }))]
    case 'Softmax':
      return [scope.kernel('Softmax', { logits: x }, { dim: 1 })]
    case 'Split':
      return pieces(x, node.attributes.sizes, scope)
    case 'RotaryEmbedding':
      return [rotaryEmbedding(scope, x, values.integers(second), node.attributes)]
    case 'LastPosition': {
      const rows = lastRows(values.integers('positions'), values.integers('lengths'))
      const indices = scope.wrap([rows.length], rows)
      return [scope.kernel('GatherV2', { x, indices }, { axis: 0, batchDims: 0 })]
    }
    default:
      throw new InternalError(`${node.operator} has no tensor form`)
  }
}

function linearResult(
  { inputs, attributes }: NodeOf<'Linear'>,
  { values }: NodeContext,
  scope: TensorScope,
): TensorInfo {
  const [first, second, third] = inputs as [string, string, string?]
  const held = values.heldMatrix(second)
  const matrix = held === undefined ? { tensor: values.tensor(second), transposed: attributes.transposed } : { held }
  return linear(scope, values.tensor(first), matrix, third === undefined ? undefined : values.tensor(third))
}

function pieces(x: TensorInfo, sizes: readonly number[], scope: TensorScope): TensorInfo[] {
  const rows = elementCount(x.shape.slice(0, -1))
  let from = 0
  return sizes.map((size) => {
    const piece = scope.kernel('Slice', { x }, { begin: [0, from], size: [rows, size] })
    from += size
    return piece
  })
}
