import { assertRefused } from '../kit/refusal.ts'
import { createRandom } from '../kit/random.ts'
import type { BackendContext } from './backend-context.ts'
import { fourBitGatherCases, fourBitLinearCases } from './four-bit-cases.ts'
import { caseSizes } from './operator-cases.ts'
import { plainCase } from './plain-case.ts'
import { runGraph } from './run-graph.ts'

const makers = { Linear: fourBitLinearCases, Gather: fourBitGatherCases }

/** 4-bit weights, bound or prepared, give what their values give in float32, or are refused. */
export function fourBitSuite({ compare, assertSame }: BackendContext): void {
  for (const [operator, makeCases] of Object.entries(makers)) {
    compare(`${operator} with q4g64 weights agrees with the oracle, or is refused`, async (backend, oracle) => {
      const random = createRandom(31)
      for (const [index, { graph, inputs }] of caseSizes.flatMap((size) => makeCases(random, size)).entries()) {
        if (!backend.capabilities.weightDtypes.includes('q4g64'))
          return await assertRefused('q4g64 weights', () => backend.compile(graph), ['UNSUPPORTED_DATA'])
        const expected = await runGraph(oracle, ...plainCase({ graph, inputs }))
        const matrix = operator === 'Linear' ? 'w' : 'table'
        for (const options of [{}, { weightByteOffset: 3 }, { prepare: [matrix] }])
          assertSame(
            await runGraph(backend, graph, inputs, options),
            expected,
            `${operator}, case ${index}, ${JSON.stringify(options)}`,
          )
      }
    })
  }
}
