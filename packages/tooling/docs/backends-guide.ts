import { lacks as nativeLacks } from '../../backend-native/test/known-gaps.ts'
import { capabilities as native } from '../../backend-native/src/graphs/capabilities.ts'
import { cudaCapabilities } from '../../backend-onnxruntime/src/cuda/graph/cuda-capabilities.ts'
import { cpuCapabilities } from '../../backend-onnxruntime/src/graphs/capabilities.ts'
import { cudaLacks, lacks as onnxRuntimeLacks } from '../../backend-onnxruntime/test/known-gaps.ts'
import { capabilities as reference } from '../../backend-reference/src/kernel/capabilities.ts'
import { lacks as referenceLacks } from '../../backend-reference/test/known-gaps.ts'
import { capabilities as tfjs } from '../../backend-tfjs/src/capabilities.ts'
import { lacks as tfjsLacks } from '../../backend-tfjs/test/known-gaps.ts'
import { describeBackend, type KnownGap, type KnownLack } from '../../conformance/src/index.ts'
import { type BackendCapabilities, isGroupDType, operatorNames } from '../../spec/src/index.ts'
import { capabilities as toy } from '../../../examples/toy-backend/src/capabilities.ts'
import { knownGaps as toyGaps } from '../../../examples/toy-backend/test/known-gaps.ts'

/** What a backend declares; a test compares it with the backends that work where it runs. */
export interface DeclaredBackend {
  /** As `--backend` has it, or a name for people. */
  readonly name: string
  readonly capabilities: BackendCapabilities
  /** Whether kernels work on host bytes where they lie. */
  readonly hasViews: boolean
  readonly lacks: readonly KnownLack[]
  readonly knownGaps: readonly KnownGap[]
}

const onlyLacks = (lacks: readonly KnownLack[]) => ({ lacks, knownGaps: [] })

/** All backends that compute, in the order of the table. */
export const declaredBackends: readonly DeclaredBackend[] = [
  { name: 'native', capabilities: native, hasViews: true, ...onlyLacks(nativeLacks) },
  {
    name: 'onnxruntime, through its C API',
    capabilities: cpuCapabilities(true),
    hasViews: true,
    ...onlyLacks(onnxRuntimeLacks),
  },
  {
    name: 'onnxruntime, through its JavaScript API',
    capabilities: cpuCapabilities(false),
    hasViews: true,
    ...onlyLacks(onnxRuntimeLacks),
  },
  { name: 'onnxruntime-cuda', capabilities: cudaCapabilities, hasViews: false, ...onlyLacks(cudaLacks) },
  { name: 'tfjs, every engine', capabilities: tfjs, hasViews: true, ...onlyLacks(tfjsLacks) },
  { name: 'reference', capabilities: reference, hasViews: true, ...onlyLacks(referenceLacks) },
  { name: 'toy, of the guide', capabilities: toy, hasViews: true, lacks: [], knownGaps: toyGaps },
]

/** How many tests of conformance every backend passes. */
export function conformanceTestCount(): number {
  let count = 0
  const create = () => Promise.reject(new TypeError('no test is run here'))
  describeBackend('all', create, { describe: (_name, body) => body(), it: () => count++ })
  return count
}

/** Text of `docs/backends.md`. */
export function backendsGuide(backends: readonly DeclaredBackend[] = declaredBackends): string {
  return [
    '# Backends',
    '',
    '<!-- Written by packages/tooling/docs/write-backends-guide.ts from what the backends declare. -->',
    '',
    `Every backend passes the same ${conformanceTestCount()} tests of \`@flexgen/conformance\`: what it declares agrees with the reference`,
    'within the tolerance of the dtype, and what it does not declare is refused with an error, never computed somehow.',
    '',
    '| backend | operators | computes in | weights | KV | 4 bits | `Sample` on the device | byte views | copies beside runs |',
    '|---|---|---|---|---|---|---|---|---|',
    ...backends.map(row),
    '',
    '`--backend` takes the first word; `tfjs:ENGINE` chooses an engine. Dtypes stand in the order in which a backend prefers them. **Byte views**:',
    'kernels read weights and KV in RAM where they lie; without them they are copied to the device. **`Sample` on the device** is for graphs of',
    'your own: the engine samples from the logits on the host. Greedy ids are chosen by a device with memory of its own, where it has `ArgMax`.',
    'Copies that do not run beside kernels are said in the notices of the report.',
    'What each is good for, and how fast it was: [measurements](measurements/README.md). `simulated` computes nothing, see',
    '[simulation](simulation.md).',
    '',
    '## What is missing, and why',
    '',
    'The kit asserts that this is all, and that all of it is refused.',
    '',
    '| backend | missing | reason |',
    '|---|---|---|',
    ...backends.flatMap(({ name, lacks }) =>
      lacks.map(({ what, reason }) => `| ${name} | ${what.map((each) => `\`${each}\``).join(', ')} | ${reason} |`),
    ),
    '',
    '## Known gaps',
    '',
    'Tests of what a backend declares and cannot do yet. The kit asserts that it refuses; a gap that is none any more fails.',
    '',
    '| backend | test | reason |',
    '|---|---|---|',
    ...backends.flatMap(({ name, knownGaps }) =>
      knownGaps.map(({ test, reason }) => `| ${name} | ${test} | ${reason} |`),
    ),
    '',
    'To add a backend: [the guide](guides/add-a-backend.md).',
    '',
  ].join('\n')
}

function row({ name, capabilities, hasViews }: DeclaredBackend): string {
  const { operators, computeDtypes, weightDtypes, cacheDtypes, asyncCopies } = capabilities
  const plain = (dtypes: readonly string[]): string => dtypes.filter((dtype) => !dtype.startsWith('q4')).join(', ')
  const groups = [
    ...(weightDtypes.some(isGroupDType) ? ['weights'] : []),
    ...(cacheDtypes.some(isGroupDType) ? ['KV'] : []),
  ]
  const yes = (is: boolean): string => (is ? 'yes' : 'no')
  const cells = [
    name.replace(/^[\w-]+/, '`$&`'),
    operators.size === operatorNames.length ? `all ${operators.size}` : `${operators.size} of ${operatorNames.length}`,
    plain(computeDtypes),
    plain(weightDtypes),
    plain(cacheDtypes),
    groups.join(', ') || 'no',
    yes(operators.has('Sample')),
    yes(hasViews),
    yes(asyncCopies),
  ]
  return `| ${cells.join(' | ')} |`
}
