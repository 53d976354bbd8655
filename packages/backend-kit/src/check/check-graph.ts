import {
  type BackendCapabilities,
  type DType,
  type GraphNode,
  type GraphValue,
  inferShapes,
  isGroupDType,
  type LayerGraph,
  UnsupportedDataError,
} from '@flexgen/spec'
import { checkInputCount } from './input-count.ts'

/**
 * Checks everything about a graph that can be known before a run, against what a backend says it can do.
 * @param backendName for messages, such as `the reference backend`
 * @throws {FlexgenError} `UNSUPPORTED_DATA` naming the graph and what is wrong with it
 */
export function checkGraph(graph: LayerGraph, capabilities: BackendCapabilities, backendName: string): void {
  const fail = (what: string): never => {
    throw new UnsupportedDataError(`layer graph ${graph.name}: ${what}`)
  }
  for (const node of graph.nodes) {
    if (!capabilities.operators.has(node.operator)) fail(`${backendName} has no operator ${node.operator}`)
    checkInputCount(node, fail)
  }
  const shapes = inferShapes(graph, { batch: 2, seq: 3 })

  const dtypes = new Map<string, DType>()
  const weights = new Set<string>()
  const define = (name: string, dtype: DType): void => {
    if (dtype === 'q4g64c' && shapes.get(name)!.length !== 2) fail(`${name} is no matrix and cannot be q4g64c`)
    dtypes.set(name, dtype)
  }
  for (const input of graph.inputs) {
    define(input.name, inputDtype(input, capabilities, backendName, fail))
    if (input.role === 'weight') weights.add(input.name)
  }
  const expect = (node: GraphNode, name: string, wanted: Kind): void => {
    const dtype = dtypes.get(name)
    if (dtype === 'q4g64c' && node.operator !== 'Linear') fail(`${node.operator} cannot read q4g64c`)
    if (dtype === undefined) fail(`${node.operator} needs the input ${name}`)
    // Weights are widened as they are read, 4-bit ones too.
    const kinds = kindsOf(dtype!, weights.has(name))
    if (!kinds.includes(wanted)) fail(`${node.operator} needs ${wanted} values, but ${name} has ${dtype}`)
  }
  for (const node of graph.nodes) {
    for (const [index, name] of node.inputs.entries()) expect(node, name, inputKind(node, index))
    if (node.operator === 'Attention' || node.operator === 'LastPosition')
      for (const name of ['positions', 'lengths']) expect(node, name, 'int32')
    checkAttributes(graph, node, fail)
    for (const [index, name] of node.outputs.entries()) define(name, outputDtype(node, index))
  }
  for (const { name, dtype } of graph.outputs)
    if (dtypes.get(name) !== dtype) fail(`output ${name} is ${dtypes.get(name)}, not ${dtype}`)
}

function inputDtype(
  { name, dtype, role, shape }: GraphValue,
  capabilities: BackendCapabilities,
  backendName: string,
  fail: (what: string) => never,
): DType {
  const allowed: readonly DType[] =
    role === 'weight'
      ? capabilities.weightDtypes
      : [...capabilities.computeDtypes, 'int32', ...groupDtypes(capabilities)]
  if (!allowed.includes(dtype as DType))
    fail(`${role} ${name} cannot be ${dtype}; ${backendName} takes ${allowed.join(', ')}`)
  if (shape.some((dimension) => typeof dimension === 'number' && !(Number.isSafeInteger(dimension) && dimension > 0)))
    fail(`${name} cannot have the shape [${shape.join(', ')}]`)
  return dtype as DType
}

/** Activations of 4-bit groups come from and go to the operators that know them. */
function groupDtypes({ operators }: BackendCapabilities): readonly DType[] {
  return operators.has('DequantizeGroup') ? ['q4g64'] : []
}

/** What an operator asks of its inputs. */
type Kind = 'float' | 'int32' | 'q4g64'

function kindsOf(dtype: DType, isWeight: boolean): readonly Kind[] {
  if (dtype === 'int32') return ['int32']
  if (!isGroupDType(dtype)) return ['float']
  return isWeight ? ['float', 'q4g64'] : ['q4g64']
}

function inputKind({ operator }: GraphNode, index: number): Kind {
  if (operator === 'DequantizeGroup') return 'q4g64'
  return index === 1 && (operator === 'Gather' || operator === 'RotaryEmbedding') ? 'int32' : 'float'
}

function outputDtype({ operator }: GraphNode, index: number): DType {
  if (operator === 'QuantizeGroup') return 'q4g64'
  return operator === 'ArgMax' || operator === 'Sample' || (operator === 'TopK' && index === 1) ? 'int32' : 'float32'
}

function checkAttributes(graph: LayerGraph, node: GraphNode, fail: (what: string) => never): void {
  switch (node.operator) {
    case 'Attention': {
      const { cache: name, kvHeads, headDim, sparsity } = node.attributes
      const cache = graph.caches.find((candidate) => candidate.name === name)
      if (cache?.kvHeads !== kvHeads || cache.headDim !== headDim)
        fail(`Attention needs a cache ${name} of ${kvHeads} heads of ${headDim}`)
      if (!(sparsity >= 0 && sparsity <= 1)) fail(`sparsity ${sparsity} is not between 0 and 1`)
      break
    }
    case 'RotaryEmbedding': {
      const { rotaryDim, headDim } = node.attributes
      if (rotaryDim % 2 !== 0 || rotaryDim > headDim) fail(`rotaryDim ${rotaryDim} does not fit heads of ${headDim}`)
      break
    }
    case 'Sample':
      if (!(node.attributes.temperature > 0)) fail(`Sample needs a temperature above 0; take ArgMax for the largest`)
      break
    default:
  }
}
