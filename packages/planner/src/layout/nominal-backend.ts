import {
  type Backend,
  type DType,
  dtypeBytes,
  dtypes,
  elementCount,
  InternalError,
  type Kernel,
  type LayerGraph,
  operatorNames,
  type RunShape,
  tensorBytes,
} from '@flexgen/spec'
import type { HardwareProfile } from '../hardware/hardware-profile.ts'

/**
 * Scratch of a prefill in hidden vectors a token. From ONNX Runtime's arena on CUDA: 3.1 GB for 32 x 512 tokens of
 * OPT-6.7B, 5.4 GB for OPT-30B, both 23 vectors of 16 bits a token.
 */
const workspaceVectors = 23

/**
 * What planning asks of a backend, for a machine that is not at hand: whether it works on RAM, what it holds for
 * prepared weights and what scratch it needs, as far as a profile lets it be known.
 */
export function nominalBackend({ machine, capacity, name }: HardwareProfile): Backend {
  const isHost = machine.device === 'host'
  const absent = (): never => {
    throw new InternalError(`the profile ${name} can be planned with, not computed with`)
  }
  return {
    specificationVersion: 'v1',
    name,
    device: {
      kind: isHost ? 'cpu' : 'cuda',
      description: machine.deviceName ?? name,
      memoryBytes: capacity.deviceBytes,
      hostVisible: isHost,
    },
    capabilities: {
      operators: new Set(operatorNames),
      computeDtypes: dtypes,
      weightDtypes: dtypes,
      cacheDtypes: dtypes,
      asyncCopies: true,
      scatteredCacheRows: true,
    },
    notices: [],
    allocate: absent,
    allocateHost: absent,
    allocateCache: absent,
    free: absent,
    compile: (graph) => Promise.resolve(nominalKernel(graph, isHost)),
    createQueue: absent,
    memory: absent,
    setMemoryLimit: absent,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function nominalKernel(graph: LayerGraph, isHost: boolean): Kernel {
  const weights = new Map(graph.inputs.filter(({ role }) => role === 'weight').map((input) => [input.name, input]))
  const hidden = [...graph.inputs, ...graph.outputs].find(({ role }) => role === 'hidden')
  const width = Number(hidden?.shape.at(-1) ?? 0)
  const computeBytes = dtypeBytes((hidden?.dtype ?? 'float32') as DType, 1)
  const heads = graph.nodes.reduce(
    (most, node) => (node.operator === 'Attention' ? Math.max(most, node.attributes.heads) : most),
    0,
  )
  return {
    graph,
    createBinding: () => {
      throw new InternalError(`${graph.name} can be planned with, not run`)
    },
    workspaceBytes({ batch, seq, maxPositions }: RunShape) {
      // A host's plain graphs hold the scores of a prompt; a device's fused attention does not.
      const scores = isHost && seq > 1 ? batch * heads * seq * maxPositions * computeBytes : 0
      return workspaceVectors * batch * seq * width * computeBytes + scores
    },
    preparedBytes: (names) =>
      names.reduce((sum, name) => {
        const { dtype, shape } = weights.get(name)!
        const count = elementCount(shape as readonly number[])
        const isWide = dtype !== 'q4g64' && dtype !== 'q4g64c'
        // A host's kernels hold weights in the dtype that they compute in.
        return sum + (isHost && isWide ? count * computeBytes : tensorBytes(dtype as DType, shape as readonly number[]))
      }, 0),
    prepare: () => Promise.reject(new InternalError(`${graph.name} can be planned with, not prepared`)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
