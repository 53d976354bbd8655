import { operatorNames, UnsupportedDataError } from '@flexgen/spec'
import { type Defect, withNodes } from '../broken-backend.ts'
import { agree } from './titles.ts'

/** Capabilities that are not true. */
export const declaring: readonly Defect[] = [
  [
    'dtypes are declared that are refused',
    ['float16', 'bfloat16', 'int32', 'uint8', 'q4g64c'].map(
      (dtype) => `Attention with a ${dtype} cache agrees with the oracle, or is refused`,
    ),
    (backend) => ({
      capabilities: {
        ...backend.capabilities,
        cacheDtypes: ['float32', 'float16', 'bfloat16', 'int32', 'uint8', 'q4g64', 'q4g64c'],
      },
    }),
  ],
  [
    'compute dtypes are declared that are refused',
    ['float16', 'bfloat16'].flatMap((half) => [
      ...[...operatorNames.filter((name) => name !== 'Attention' && name !== 'Sample'), 'a decoder layer'].map(
        (what) => `${what} in ${half} agrees with the oracle, or is refused`,
      ),
      `a graph in ${half} gives an output that asks for float32 in float32`,
    ]),
    (backend) => ({
      capabilities: { ...backend.capabilities, computeDtypes: ['float32', 'float16', 'bfloat16'] },
    }),
  ],
  [
    'operators are declared that are missing',
    agree('QuantizeGroup', 'DequantizeGroup'),
    (backend) => ({
      compile: async (graph) => {
        const missing = graph.nodes.find(({ operator }) => operator.endsWith('Group'))
        if (missing !== undefined) throw new UnsupportedDataError(`there is no ${missing.operator}`)
        return await backend.compile(graph)
      },
    }),
  ],
  [
    'an operator is there that is not declared',
    agree('Relu'),
    (backend) => ({ capabilities: { ...backend.capabilities, operators: new Set() } }),
  ],
  [
    'unknown operators do nothing much',
    ['an operator outside the closed list is refused'],
    withNodes(({ operator }) => (operator === ('Frobnicate' as string) ? { operator: 'Relu' } : {})),
  ],
  [
    'scattered rows work but are not declared',
    ['Attention takes rows of different caches, or refuses them'],
    (backend) => ({ capabilities: { ...backend.capabilities, scatteredCacheRows: false } }),
  ],
  [
    'host-visible memory is not declared',
    [
      'host buffers are bound where they lie, or refused',
      'a device buffer shows its bytes where, and only where, the device is host-visible',
    ],
    (backend) => ({ device: { ...backend.device, hostVisible: false } }),
  ],
  ['an empty notice', ['states what it is'], () => ({ notices: [''] })],
]
