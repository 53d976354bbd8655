import type { NodeOf } from '@flexgen/spec'
import { tensorTypes } from '../onnx/tensor-type.ts'
import type { EmitContext } from './emit-context.ts'

/**
 * One token a row by the semantics of the contract, in double precision so that cumulative sums over a whole
 * vocabulary stay exact enough to agree with other backends.
 */
export function emitSample(node: NodeOf<'Sample'>, context: EmitContext): void {
  const { builder } = context
  const { temperature, topK, topP } = node.attributes
  const [logits, uniform] = node.inputs
  const candidates = topK > 0 ? Math.min(topK, context.width(logits!)) : context.width(logits!)
  const wide = (value: string): string =>
    builder.node('Cast', [value], { attributes: { to: tensorTypes.float64.onnx } })
  const double = (value: number): string => builder.constant(Float64Array.of(value), [])
  const cumulative = (values: string, exclusive: number): string =>
    builder.node('CumSum', [values, builder.constant(Int32Array.of(1), [])], { attributes: { exclusive } })
  const sum = (values: string): string =>
    builder.node('ReduceSum', [values, builder.shape(1)], { attributes: { keepdims: 1 } })

  const [sorted, ids] = builder.nodes('TopK', [context.float(logits!), builder.shape(candidates)], { outputs: 2 })
  const values = wide(sorted!)
  const highest = builder.node('Slice', [values, builder.shape(0), builder.shape(1), builder.shape(1)])
  const scaled = builder.node('Div', [builder.node('Sub', [values, highest]), double(temperature)])
  const weights = builder.node('Exp', [scaled])

  // A candidate is kept as long as those before it have not reached top-p.
  const limit = builder.node('Mul', [sum(weights), double(topP)])
  const isKept = wide(builder.node('Less', [cumulative(weights, 1), limit]))
  const kept = builder.node('Mul', [weights, isKept])

  const draw = builder.node('Reshape', [wide(uniform!), builder.shape(-1, 1)])
  const exceeds = builder.node('Greater', [cumulative(kept, 0), builder.node('Mul', [sum(kept), draw])])
  const flags = builder.node('Cast', [exceeds], { attributes: { to: tensorTypes.int32.onnx } })
  const pick = builder.node('ArgMax', [flags], { attributes: { axis: 1, keepdims: 1 } })
  const id = builder.node('GatherElements', [ids!, pick], { attributes: { axis: 1 } })
  const narrow = builder.node('Cast', [id], { attributes: { to: tensorTypes.int32.onnx } })
  builder.nodes('Reshape', [narrow, builder.shape(-1)], { outputs: node.outputs })
}
