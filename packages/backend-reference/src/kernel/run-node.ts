import type { GraphNode } from '@flexgen/spec'
import { add } from '../operators/add.ts'
import { argMax } from '../operators/arg-max.ts'
import { attention } from '../operators/attention.ts'
import { dequantizeGroup } from '../operators/dequantize-group.ts'
import { gather } from '../operators/gather.ts'
import { gelu } from '../operators/gelu.ts'
import { lastPosition } from '../operators/last-position.ts'
import { layerNormalization } from '../operators/layer-normalization.ts'
import { linear, linearTransposed } from '../operators/linear.ts'
import { mul } from '../operators/mul.ts'
import { quantizeGroup } from '../operators/quantize-group.ts'
import { relu } from '../operators/relu.ts'
import { rmsNormalization } from '../operators/rms-normalization.ts'
import { rotaryEmbedding } from '../operators/rotary-embedding.ts'
import { sample } from '../operators/sample.ts'
import { silu } from '../operators/silu.ts'
import { softmax } from '../operators/softmax.ts'
import { split } from '../operators/split.ts'
import { topK } from '../operators/top-k.ts'
import type { RunScope } from './run-scope.ts'

/** Runs one node: reads its inputs from the scope and writes its outputs to it. */
export function runNode(node: GraphNode, scope: RunScope): void {
  const results = resultsOf(node, scope)
  for (const [index, name] of node.outputs.entries()) scope.set(name, results[index]!)
}

function resultsOf(node: GraphNode, scope: RunScope): (Float32Array | Int32Array | Uint8Array)[] {
  const [first = '', second = '', third] = node.inputs
  switch (node.operator) {
    case 'Gather':
      return [gather(scope.weight(first), scope.ints(second), node.attributes.indexOffset)]
    case 'Linear': {
      const bias = third === undefined ? undefined : scope.floats(third)
      const run = node.attributes.transposed ? linearTransposed : linear
      return [run(scope.floats(first), scope.weight(second), bias)]
    }
    case 'Add':
      return [add(scope.floats(first), scope.floats(second))]
    case 'Mul':
      return [mul(scope.floats(first), scope.floats(second))]
    case 'LayerNormalization':
      return [
        layerNormalization(scope.floats(first), scope.floats(second), scope.floats(third!), node.attributes.epsilon),
      ]
    case 'RMSNormalization':
      return [rmsNormalization(scope.floats(first), scope.floats(second), node.attributes.epsilon)]
    case 'Relu':
      return [relu(scope.floats(first))]
    case 'Gelu':
      return [gelu(scope.floats(first), node.attributes.approximate)]
    case 'Silu':
      return [silu(scope.floats(first))]
    case 'Softmax':
      return [softmax(scope.floats(first), scope.width(first))]
    case 'Split':
      return split(scope.floats(first), node.attributes.sizes)
    case 'RotaryEmbedding':
      return [rotaryEmbedding(scope.floats(first), scope.ints(second), node.attributes)]
    case 'Attention': {
      const { rows, maxPositions } = scope.cache(node.attributes.cache)
      return [
        attention({
          q: scope.floats(first),
          k: scope.floats(second),
          v: scope.floats(third!),
          positions: scope.ints('positions'),
          lengths: scope.ints('lengths'),
          cacheRows: rows,
          maxPositions,
          attributes: node.attributes,
        }),
      ]
    }
    case 'LastPosition':
      return [lastPosition(scope.floats(first), scope.ints('positions'), scope.ints('lengths'))]
    case 'ArgMax':
      return [argMax(scope.floats(first), scope.width(first))]
    case 'TopK': {
      const { values, indices } = topK(scope.floats(first), scope.width(first), node.attributes.k)
      return [values, indices]
    }
    case 'Sample':
      return [sample(scope.floats(first), scope.floats(second), node.attributes)]
    case 'QuantizeGroup':
      return [quantizeGroup(scope.floats(first), scope.width(first))]
    case 'DequantizeGroup':
      // Weights are widened as they are read.
      return [scope.isWeight(first) ? scope.floats(first) : dequantizeGroup(scope.groups(first), scope.width(first))]
  }
}
