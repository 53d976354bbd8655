import type { Tolerance } from '../kit/assert-close.ts'
import { assertRefused } from '../kit/refusal.ts'
import { createRandom } from '../kit/random.ts'
import type { BackendContext } from './backend-context.ts'
import { fourBitGatherCases, fourBitLinearCases } from './four-bit-cases.ts'
import { caseSizes } from './operator-cases.ts'
import { plainCase } from './plain-case.ts'
import { runGraph } from './run-graph.ts'

const makers = [
  ['Linear', 'q4g64', fourBitLinearCases],
  ['Linear', 'q4g64c', fourBitLinearCases],
  ['Gather', 'q4g64', fourBitGatherCases],
] as const

/** A backend may round what meets the nibbles to 16 bits of the largest in a group; outputs are sums of 200 products. */
const groupTolerance: Tolerance = { absolute: 5e-4, relative: 1e-4 }

/** 4-bit weights, bound or prepared, give what their values give in float32, or are refused. */
export function fourBitSuite({ compare, assertSame }: BackendContext): void {
  for (const [operator, dtype, makeCases] of makers) {
    compare(`${operator} with ${dtype} weights agrees with the oracle, or is refused`, async (backend, oracle) => {
      const random = createRandom(31)
      const cases = caseSizes.flatMap((size) => makeCases(random, size, dtype))
      for (const [index, { graph, inputs }] of cases.entries()) {
        if (!backend.capabilities.weightDtypes.includes(dtype))
          return await assertRefused(`${dtype} weights`, () => backend.compile(graph), ['UNSUPPORTED_DATA'])
        const expected = await runGraph(oracle, ...plainCase({ graph, inputs }))
        const matrix = operator === 'Linear' ? 'w' : 'table'
        for (const options of [{}, { weightByteOffset: 3 }, { prepare: [matrix] }])
          assertSame(
            await runGraph(backend, graph, inputs, options),
            expected,
            `${operator}, case ${index}, ${JSON.stringify(options)}`,
            operator === 'Linear' ? groupTolerance : undefined,
          )
      }
    })
  }
}
