import { checkInputCount } from '@flexgen/backend-kit'
import {
  type BackendCapabilities,
  type DType,
  type GraphNode,
  type GraphValue,
  inferShapes,
  isGroupDType,
  type LayerGraph,
  type OperatorName,
  UnsupportedDataError,
} from '@flexgen/spec'

/** Nodes that move values as they are, so that their outputs have the dtype of their first input. */
const keepsDtype: ReadonlySet<OperatorName> = new Set(['Split', 'LastPosition', 'Attention'])

/**
 * Checks what can be known of a graph before a run, and gives the dtype of every value.
 * @throws {FlexgenError} `UNSUPPORTED_DATA` naming the graph and what is wrong with it
 */
export function checkGraph(graph: LayerGraph, capabilities: BackendCapabilities): ReadonlyMap<string, DType> {
  const { operators, computeDtypes } = capabilities
  const fail = (what: string): never => {
    throw new UnsupportedDataError(`layer graph ${graph.name}: ${what}`)
  }
  for (const node of graph.nodes) {
    if (!operators.has(node.operator)) fail(`there is no host kernel for the operator ${node.operator}`)
    checkInputCount(node, fail)
  }
  inferShapes(graph, { batch: 2, seq: 3 })

  const dtypes = new Map<string, DType>()
  for (const input of graph.inputs) dtypes.set(input.name, inputDtype(input, capabilities, fail))
  const inputNames = new Set(dtypes.keys())
  const weightNames = new Set(graph.inputs.filter(({ role }) => role === 'weight').map(({ name }) => name))
  const declared = new Map(graph.outputs.map(({ name, dtype }) => [name, dtype]))
  const compute = computeDtypeOf(graph, computeDtypes)
  for (const node of graph.nodes) {
    for (const [index, [name, isIndex]] of readsOf(node).entries()) {
      const dtype = dtypes.get(name) ?? fail(`${node.operator} needs the input ${name}`)
      const isWrong = isGroupDType(dtype)
        ? !takesGroups(node, index, dtype, weightNames.has(name))
        : (dtype === 'int32') !== isIndex
      if (isWrong || (node.operator === 'DequantizeGroup' && dtype !== 'q4g64'))
        fail(`${node.operator} cannot take ${name}, which is ${dtype}`)
    }
    if (node.operator === 'Sample' && dtypes.get(node.inputs[1]!) !== 'float32') fail('Sample needs float32 numbers')
    checkAttributes(graph, node, fail)
    for (const [index, name] of node.outputs.entries()) {
      const wanted = declared.get(name) as DType | undefined
      const floats = keepsDtype.has(node.operator) ? dtypes.get(node.inputs[0]!)! : (wanted ?? compute)
      const isGroups = node.operator === 'QuantizeGroup'
      dtypes.set(name, isGroups ? 'q4g64' : givesIndices(node, index) ? 'int32' : floats)
    }
  }
  for (const { name, dtype } of graph.outputs) {
    if (dtypes.get(name) !== dtype) fail(`output ${name} is ${dtypes.get(name)}, not ${dtype}`)
    if (dtype !== 'int32' && dtype !== 'q4g64' && !computeDtypes.includes(dtype as DType))
      fail(`output ${name} cannot be ${dtype}`)
    if (inputNames.has(name)) fail(`output ${name} is an input`)
  }
  return dtypes
}

/** Dtype of what passes between nodes: that of the activations that come in, else of those that go out. */
function computeDtypeOf({ inputs, outputs }: LayerGraph, computeDtypes: readonly DType[]): DType {
  const isFloat = ({ dtype }: GraphValue): boolean => computeDtypes.includes(dtype as DType)
  const value =
    inputs.find((input) => (input.role === 'hidden' || input.role === 'activation') && isFloat(input)) ??
    outputs.find(isFloat)
  return (value?.dtype as DType | undefined) ?? 'float32'
}

function inputDtype(
  { name, dtype, role, shape }: GraphValue,
  { weightDtypes, computeDtypes, cacheDtypes }: BackendCapabilities,
  fail: (what: string) => never,
): DType {
  const groups = cacheDtypes.filter((candidate) => candidate === 'q4g64')
  const allowed: readonly string[] = role === 'weight' ? weightDtypes : [...computeDtypes, 'int32', ...groups]
  if (!allowed.includes(dtype)) fail(`${role} ${name} cannot be ${dtype}; possible are ${allowed.join(', ')}`)
  const isBad = (size: string | number): boolean =>
    typeof size === 'number' && !(Number.isSafeInteger(size) && size > 0)
  if (shape.some(isBad)) fail(`${name} cannot have the shape [${shape.join(', ')}]`)
  if (dtype === 'q4g64c' && shape.length !== 2) fail(`${name} is no matrix and cannot be q4g64c`)
  return dtype as DType
}

/** What a node reads, with whether it is indices; Attention and LastPosition read system inputs by their names. */
export function readsOf({ operator, inputs }: GraphNode): [name: string, isIndex: boolean][] {
  const takesIndices = operator === 'Gather' || operator === 'RotaryEmbedding'
  const reads = inputs.map((name, index): [string, boolean] => [name, takesIndices && index === 1])
  if (operator !== 'Attention' && operator !== 'LastPosition') return reads
  return [...reads, ['positions', true], ['lengths', true]]
}

/** Groups are what DequantizeGroup reads, matrices of Linear, and rows of tables. */
function takesGroups({ operator }: GraphNode, index: number, dtype: DType, isWeight: boolean): boolean {
  if (operator === 'DequantizeGroup') return dtype === 'q4g64'
  if (!isWeight) return false
  return operator === 'Linear' ? index === 1 : operator === 'Gather' && index === 0 && dtype === 'q4g64'
}

function givesIndices({ operator }: GraphNode, index: number): boolean {
  return operator === 'ArgMax' || operator === 'Sample' || (operator === 'TopK' && index === 1)
}

function checkAttributes(graph: LayerGraph, node: GraphNode, fail: (what: string) => never): void {
  if (node.operator === 'Attention') {
    const { cache: name, kvHeads, headDim, sparsity } = node.attributes
    const cache = graph.caches.find((candidate) => candidate.name === name)
    if (cache?.kvHeads !== kvHeads || cache.headDim !== headDim)
      fail(`Attention needs a cache ${name} of ${kvHeads} heads of ${headDim}`)
    if (!(sparsity >= 0 && sparsity <= 1)) fail(`sparsity ${sparsity} is not between 0 and 1`)
  }
  if (node.operator === 'RotaryEmbedding') {
    const { rotaryDim, headDim } = node.attributes
    if (rotaryDim % 2 !== 0 || rotaryDim > headDim) fail(`rotaryDim ${rotaryDim} does not fit heads of ${headDim}`)
  }
  if (node.operator === 'Sample' && !(node.attributes.temperature > 0))
    fail('Sample needs a temperature above 0; take ArgMax for the largest')
}
