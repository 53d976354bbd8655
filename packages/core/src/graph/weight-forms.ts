import type { GroupDType, Model } from '@flexgen/spec'

/**
 * The 4-bit form of every matrix of a model, by checkpoint tensor: rows of tables that are gathered must lie in one
 * piece, everything else has groups along the output channels, as FlexGen has. A tensor that serves as both is a table.
 * Vectors stay as they are.
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
      for (const { tensor } of parts) {
        if (gathered.has(name) || !forms.has(tensor)) forms.set(tensor, gathered.has(name) ? 'q4g64' : 'q4g64c')
      }
    }
  }
  return forms
}
