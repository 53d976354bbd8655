import { type GroupDType, type Model, pieceRows } from '@flexgen/spec'

/**
 * The 4-bit form of every matrix of a model, by checkpoint tensor: groups along the output channels, as FlexGen has,
 * but along the rows of tables that are gathered, whose rows must lie in one piece, and of tensors that are stacked and
 * are no whole pieces high. A tensor that serves as both has rows. Vectors stay as they are.
 */
export function chooseWeightForms(model: Model): ReadonlyMap<string, GroupDType> {
  const forms = new Map<string, GroupDType>()
  for (const { weights, stages } of model.layers) {
    const gathered = new Set(
      stages.flatMap(({ graph }) =>
        graph.nodes.filter(({ operator }) => operator === 'Gather').map(({ inputs }) => inputs[0]!),
      ),
    )
    for (const { name, shape, parts } of weights) {
      if (shape.length !== 2) continue
      const isCut = parts.length > 1 && parts.some((part) => part.shape[0]! % pieceRows('q4g64c') !== 0)
      const form = gathered.has(name) || isCut ? 'q4g64' : 'q4g64c'
      for (const { tensor } of parts) if (form === 'q4g64' || !forms.has(tensor)) forms.set(tensor, form)
    }
  }
  return forms
}
