import type { NodeOf } from '@flexgen/spec'
import { tensorTypes } from '../onnx/tensor-type.ts'
import type { EmitContext } from './emit-context.ts'

/** Rotates pairs of each head by their position, from primitives: ONNX has the operator only since opset 23. */
export function emitRotaryEmbedding(node: NodeOf<'RotaryEmbedding'>, context: EmitContext): void {
  const { builder } = context
  const [x, positions] = node.inputs
  const { heads, headDim, rotaryDim, interleaved } = node.attributes
  const half = rotaryDim / 2
  const [cos, sin] = emitAngles(node, context, positions!)
  const split = (value: string, sizes: number[], axis: number): string[] =>
    builder.nodes('Split', [value, builder.shape(...sizes)], { attributes: { axis }, outputs: sizes.length })

  const headed = builder.node('Reshape', [context.float(x!), builder.shape(-1, heads, headDim)])
  const [turning, still] = rotaryDim === headDim ? [headed] : split(headed, [rotaryDim, headDim - rotaryDim], 2)
  const paired = interleaved ? builder.node('Reshape', [turning!, builder.shape(-1, heads, half, 2)]) : turning!
  const [first, second] = interleaved ? split(paired, [1, 1], 3) : split(paired, [half, half], 2)

  const times = (a: string, b: string): string => builder.node('Mul', [a, b])
  const turnedFirst = builder.node('Sub', [times(first!, cos), times(second!, sin)])
  const turnedSecond = builder.node('Add', [times(second!, cos), times(first!, sin)])
  const joined = builder.node('Concat', [turnedFirst, turnedSecond], { attributes: { axis: interleaved ? 3 : 2 } })
  const turned = interleaved ? builder.node('Reshape', [joined, builder.shape(-1, heads, rotaryDim)]) : joined
  const whole = still === undefined ? turned : builder.node('Concat', [turned, still], { attributes: { axis: 2 } })
  builder.nodes('Reshape', [whole, builder.shape(-1, heads * headDim)], { outputs: node.outputs })
}

/** Cosines and sines, broadcast over heads: `[tokens, 1, pairs]`, with one more axis where interleaved. */
function emitAngles(node: NodeOf<'RotaryEmbedding'>, { builder }: EmitContext, positions: string): [string, string] {
  const { rotaryDim, theta, interleaved } = node.attributes
  const half = rotaryDim / 2
  // In double precision: float32 loses what a position of some thousands turns by in the last digits.
  const frequencies = Float64Array.from({ length: half }, (_, i) => theta ** ((-2 * i) / rotaryDim))
  const place = builder.node('Cast', [positions], { attributes: { to: tensorTypes.float64.onnx } })
  const column = builder.node('Reshape', [place, builder.shape(-1, 1)])
  const angles = builder.node('Mul', [column, builder.constant(frequencies, [1, half])])
  const shape = interleaved ? builder.shape(-1, 1, half, 1) : builder.shape(-1, 1, half)
  const narrow = (wide: string): string =>
    builder.node('Reshape', [builder.node('Cast', [wide], { attributes: { to: tensorTypes.float32.onnx } }), shape])
  // As a sine, for ONNX Runtime before 1.30 has no cosine of doubles.
  const quarterOn = builder.node('Add', [angles, builder.constant(Float64Array.of(Math.PI / 2), [])])
  return [narrow(builder.node('Sin', [quarterOn])), narrow(builder.node('Sin', [angles]))]
}
