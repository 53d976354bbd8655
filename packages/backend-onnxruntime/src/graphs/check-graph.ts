import { checkInputCount } from '@flexgen/backend-kit'
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
import { cpuCapabilities } from './capabilities.ts'

/** What a graph is checked against. */
export type GraphCapabilities = Pick<BackendCapabilities, 'operators' | 'weightDtypes' | 'computeDtypes'>

/** Dtypes in a checked graph. */
export interface GraphDtypes {
  /** Of every value, as it lies in memory. */
  readonly dtypes: ReadonlyMap<string, DType>
  /** Of activations. */
  readonly compute: DType
}

/**
 * Checks what can be known of a graph before a run, and gives the dtype of every value.
 * @throws {FlexgenError} `UNSUPPORTED_DATA` naming the graph and what is wrong with it
 */
export function checkGraph(graph: LayerGraph, capabilities: GraphCapabilities = cpuCapabilities(true)): GraphDtypes {
  const fail = (what: string): never => {
    throw new UnsupportedDataError(`layer graph ${graph.name}: ${what}`)
  }
  for (const node of graph.nodes) {
    if (!capabilities.operators.has(node.operator)) fail(`ONNX Runtime has no operator ${node.operator} here`)
    checkInputCount(node, fail)
  }
  inferShapes(graph, { batch: 2, seq: 3 })

  const dtypes = new Map<string, DType>()
  for (const input of graph.inputs) dtypes.set(input.name, inputDtype(input, capabilities, fail))
  const inputNames = new Set(dtypes.keys())
  const weights = new Set(graph.inputs.filter(({ role }) => role === 'weight').map(({ name }) => name))
  const compute = computeDtypeOf(graph, capabilities, fail)
  for (const node of graph.nodes) {
    for (const [name, isIndex] of readsOf(node)) {
      const dtype = dtypes.get(name) ?? fail(`${node.operator} needs the input ${name}`)
      const isTaken = (dtype === 'int32') === isIndex && takesGroups(node, dtype, weights.has(name))
      if (!isTaken) fail(`${node.operator} cannot take ${name}, which is ${dtype}`)
    }
    checkAttributes(graph, node, fail)
    for (const [index, name] of node.outputs.entries()) dtypes.set(name, outputDtype(node, index, compute))
  }
  for (const { name, dtype } of graph.outputs) {
    // An output may ask for float32, whatever the graph computes in.
    if (dtype === 'float32' && dtypes.get(name) === compute) dtypes.set(name, dtype)
    if (dtypes.get(name) !== dtype) fail(`output ${name} is ${dtypes.get(name)}, not ${dtype}`)
    if (inputNames.has(name)) fail(`output ${name} is an input`)
  }
  return { dtypes, compute }
}

/** The dtype of activations: that of the inputs that are some, else that of the outputs. */
function computeDtypeOf(graph: LayerGraph, { computeDtypes }: GraphCapabilities, fail: (what: string) => never): DType {
  const isActivation = ({ role, dtype }: GraphValue): boolean =>
    role !== 'weight' && dtype !== 'int32' && dtype !== 'q4g64'
  const inputs = graph.inputs.filter(isActivation)
  const found = new Set((inputs.length > 0 ? inputs : graph.outputs.filter(isActivation)).map(({ dtype }) => dtype))
  if (found.size > 1) fail(`activations cannot be ${[...found].join(' and ')} in one graph`)
  const [dtype = computeDtypes[0]!] = found
  if (!(computeDtypes as readonly string[]).includes(dtype)) fail(`activations cannot be ${dtype}`)
  return dtype as DType
}

function inputDtype(
  { name, dtype, role, shape }: GraphValue,
  { weightDtypes, computeDtypes, operators }: GraphCapabilities,
  fail: (what: string) => never,
): DType {
  const groups = operators.has('DequantizeGroup') ? ['q4g64'] : []
  const allowed: readonly string[] = role === 'weight' ? weightDtypes : [...computeDtypes, 'int32', ...groups]
  if (!allowed.includes(dtype)) fail(`${role} ${name} cannot be ${dtype}; possible are ${allowed.join(', ')}`)
  const isBad = (size: string | number): boolean =>
    typeof size === 'number' && !(Number.isSafeInteger(size) && size > 0)
  if (shape.some(isBad)) fail(`${name} cannot have the shape [${shape.join(', ')}]`)
  if (dtype === 'q4g64c' && shape.length !== 2) fail(`${name} is no matrix and cannot be q4g64c`)
  return dtype as DType
}

/** What a node reads, with whether it is indices; Attention and LastPosition read system inputs by their names. */
function readsOf({ operator, inputs }: GraphNode): [name: string, isIndex: boolean][] {
  const takesIndices = operator === 'Gather' || operator === 'RotaryEmbedding'
  const reads = inputs.map((name, index): [string, boolean] => [name, takesIndices && index === 1])
  if (operator !== 'Attention' && operator !== 'LastPosition') return reads
  return [...reads, ['positions', true], ['lengths', true]]
}

/** Weights are widened as they are read, 4-bit ones too; other 4-bit values come from and go to operators of their own. */
function takesGroups({ operator }: GraphNode, dtype: DType, isWeight: boolean): boolean {
  if (operator === 'DequantizeGroup') return dtype === 'q4g64'
  if (dtype === 'q4g64c') return operator === 'Linear'
  // Its kernel reads values as they lie.
  if (operator === 'ArgMax') return dtype !== 'q4g64'
  return isWeight || !isGroupDType(dtype)
}

function outputDtype({ operator }: GraphNode, index: number, compute: DType): DType {
  if (operator === 'QuantizeGroup') return 'q4g64'
  return operator === 'ArgMax' || operator === 'Sample' || (operator === 'TopK' && index === 1) ? 'int32' : compute
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
