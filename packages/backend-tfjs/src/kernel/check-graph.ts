import { checkInputCount } from '@flexgen/backend-kit'
import {
  type DType,
  type GraphNode,
  type GraphValue,
  inferShapes,
  type LayerGraph,
  UnsupportedDataError,
} from '@flexgen/spec'
import { capabilities } from '../capabilities.ts'

/**
 * Checks everything about a graph that can be known before a run.
 * @throws {FlexgenError} `UNSUPPORTED_DATA` naming the graph and what is wrong with it
 */
export function checkGraph(graph: LayerGraph): void {
  const fail = (what: string): never => {
    throw new UnsupportedDataError(`layer graph ${graph.name}: ${what}`)
  }
  for (const node of graph.nodes) {
    if (!capabilities.operators.has(node.operator)) fail(`the TensorFlow.js backend has no operator ${node.operator}`)
    checkInputCount(node, fail)
  }
  inferShapes(graph, { batch: 2, seq: 3 })
  const dtypes = new Map<string, DType>()
  for (const input of graph.inputs) dtypes.set(input.name, inputDtype(input, fail))
  const expect = (node: GraphNode, name: string, wanted: Kind): void => {
    const dtype = dtypes.get(name)
    if (dtype === undefined) fail(`${node.operator} needs the input ${name}`)
    // Half weights are widened as they are uploaded.
    if ((dtype === 'int32' ? 'int32' : 'float') !== wanted)
      fail(`${node.operator} needs ${wanted} values, but ${name} has ${dtype}`)
  }
  for (const node of graph.nodes) {
    for (const [index, name] of node.inputs.entries()) expect(node, name, inputKind(node, index))
    if (node.operator === 'Attention' || node.operator === 'LastPosition')
      for (const name of ['positions', 'lengths']) expect(node, name, 'int32')
    checkAttributes(graph, node, fail)
    for (const [index, name] of node.outputs.entries()) dtypes.set(name, outputDtype(node, index))
  }
  for (const { name, dtype } of graph.outputs)
    if (dtypes.get(name) !== dtype) fail(`output ${name} is ${dtypes.get(name)}, not ${dtype}`)
}

function inputDtype({ name, dtype, role, shape }: GraphValue, fail: (what: string) => never): DType {
  const allowed: readonly DType[] =
    role === 'weight' ? capabilities.weightDtypes : [...capabilities.computeDtypes, 'int32']
  if (!allowed.includes(dtype as DType))
    fail(`${role} ${name} cannot be ${dtype}; the TensorFlow.js backend takes ${allowed.join(', ')}`)
  if (shape.some((dimension) => typeof dimension === 'number' && !(Number.isSafeInteger(dimension) && dimension > 0)))
    fail(`${name} cannot have the shape [${shape.join(', ')}]`)
  return dtype as DType
}

/** What an operator asks of its inputs. */
type Kind = 'float' | 'int32'

function inputKind({ operator }: GraphNode, index: number): Kind {
  return index === 1 && (operator === 'Gather' || operator === 'RotaryEmbedding') ? 'int32' : 'float'
}

function outputDtype({ operator }: GraphNode, index: number): DType {
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
