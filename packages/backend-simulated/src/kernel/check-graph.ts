import { type BackendCapabilities, type DType, inferShapes, type LayerGraph, UnsupportedDataError } from '@flexgen/spec'

/**
 * Checks what can be known of a graph before a run.
 * @throws {UnsupportedDataError} for shapes that do not fit, an operator or a dtype outside the capabilities
 */
export function checkGraph(graph: LayerGraph, capabilities: BackendCapabilities): void {
  const fail = (what: string): never => {
    throw new UnsupportedDataError(`layer graph ${graph.name}: ${what}`)
  }
  inferShapes(graph, { batch: 2, seq: 3 })
  for (const { operator } of graph.nodes) {
    if (!capabilities.operators.has(operator)) fail(`the simulated backend has no operator ${operator}`)
  }
  const activations: readonly (DType | 'compute' | 'weight')[] = [...capabilities.computeDtypes, 'int32', 'q4g64']
  const weights: readonly (DType | 'compute' | 'weight')[] = capabilities.weightDtypes
  for (const { name, dtype, role } of graph.inputs) {
    const allowed = role === 'weight' ? weights : activations
    if (!allowed.includes(dtype)) fail(`${role} ${name} cannot be ${dtype}; it may be ${allowed.join(', ')}`)
  }
}
