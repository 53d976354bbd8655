import type { Model } from '@flexgen/spec'

/** What the cost formulas need of a decoder model. */
export interface ModelShape {
  readonly name: string
  readonly decoderLayers: number
  readonly hiddenSize: number
  readonly ffnSize: number
  readonly heads: number
}

/** The shape of a model. */
export function modelShape({ name, hiddenSize, facts }: Model): ModelShape {
  const { decoderLayers, ffnSize, heads } = facts
  return { name, decoderLayers, hiddenSize, ffnSize, heads }
}
