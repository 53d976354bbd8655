import { type GraphNode, InternalError, type OperatorName, operatorNames } from '@flexgen/spec'
import { emitGelu, emitSameName, emitSilu, emitSoftmax } from './elementwise.ts'
import type { EmitContext } from './emit-context.ts'
import { emitGather } from './gather.ts'
import { emitLastPosition } from './last-position.ts'
import { emitLinear } from './linear.ts'
import { emitLayerNormalization, emitRmsNormalization } from './normalization.ts'
import { emitRotaryEmbedding } from './rotary-embedding.ts'
import { emitSample } from './sample.ts'
import { emitArgMax, emitTopK } from './selection.ts'
import { emitSplit } from './split.ts'

/** Operators of the closed list that this backend runs: all but the 4-bit pair. */
export const supportedOperators: ReadonlySet<OperatorName> = new Set(
  operatorNames.filter((name) => name !== 'QuantizeGroup' && name !== 'DequantizeGroup'),
)

/** Writes one node of a layer graph as ONNX nodes. Attention is no part of a dense graph. */
export function emitNode(node: GraphNode, context: EmitContext): void {
  switch (node.operator) {
    case 'Gather':
      return emitGather(node, context)
    case 'Linear':
      return emitLinear(node, context)
    case 'Add':
    case 'Mul':
    case 'Relu':
      return emitSameName(node, context)
    case 'LayerNormalization':
      return emitLayerNormalization(node, context)
    case 'RMSNormalization':
      return emitRmsNormalization(node, context)
    case 'Gelu':
      return emitGelu(node, context)
    case 'Silu':
      return emitSilu(node, context)
    case 'Softmax':
      return emitSoftmax(node, context)
    case 'Split':
      return emitSplit(node, context)
    case 'RotaryEmbedding':
      return emitRotaryEmbedding(node, context)
    case 'LastPosition':
      return emitLastPosition(node, context)
    case 'ArgMax':
      return emitArgMax(node, context)
    case 'TopK':
      return emitTopK(node, context)
    case 'Sample':
      return emitSample(node, context)
    case 'Attention':
    case 'QuantizeGroup':
    case 'DequantizeGroup':
      throw new InternalError(`${node.operator} is no operator of a dense graph`)
  }
}
