import { type Backend, type OperatorName, operatorNames } from '@flexgen/spec'
import { assertRefused } from '../kit/refusal.ts'
import type { BackendContext } from './backend-context.ts'
import { casesOf, type WeightDType, weightOperators } from './operator-cases.ts'
import { plainCase } from './plain-case.ts'
import { runGraph, type RunGraphOptions } from './run-graph.ts'

/** Every operator agrees with the oracle in every weight dtype that is declared; what is not declared is refused. */
export function operatorsSuite({ compare, test, assertSame }: BackendContext): void {
  const check = async (
    operator: OperatorName,
    backend: Backend,
    oracle: Backend,
    dtype: WeightDType,
    options: RunGraphOptions = {},
  ): Promise<void> => {
    for (const [index, operatorCase] of casesOf(operator, dtype).entries()) {
      const expected = await runGraph(oracle, ...plainCase(operatorCase))
      const actual = await runGraph(backend, operatorCase.graph, operatorCase.inputs, options)
      assertSame(actual, expected, `${operator}, ${dtype} weights, case ${index}`)
    }
  }

  for (const operator of operatorNames.filter((name) => name !== 'Attention')) {
    compare(`${operator} agrees with the oracle`, async (backend, oracle) => {
      if (!backend.capabilities.operators.has(operator)) return await assertOperatorRefused(backend, operator)
      await check(operator, backend, oracle, 'float32')
    })
  }

  for (const operator of weightOperators) {
    for (const dtype of ['float16', 'bfloat16'] as const) {
      compare(`${operator} with ${dtype} weights agrees with the oracle`, async (backend, oracle) => {
        if (!backend.capabilities.operators.has(operator)) return await assertOperatorRefused(backend, operator)
        if (backend.capabilities.weightDtypes.includes(dtype)) return await check(operator, backend, oracle, dtype)
        const { graph } = casesOf(operator, dtype)[0]!
        await assertRefused(`${dtype} weights`, () => backend.compile(graph), ['UNSUPPORTED_DATA'])
      })
    }
    compare(`${operator} with weights at odd byte offsets agrees with the oracle`, async (backend, oracle) => {
      if (!backend.capabilities.operators.has(operator)) return await assertOperatorRefused(backend, operator)
      const dtypes = (['float32', 'float16'] as const).filter((dtype) =>
        backend.capabilities.weightDtypes.includes(dtype),
      )
      for (const dtype of dtypes)
        for (const weightByteOffset of [2, 3]) await check(operator, backend, oracle, dtype, { weightByteOffset })
    })
  }

  compare('Gather reads from a table of some rows only', async (backend, oracle) => {
    const [gather] = casesOf('Gather', 'float32')
    const table = gather!.inputs['table']!
    const rows = table.shape[0]! + 1
    const graph = {
      ...gather!.graph,
      inputs: gather!.graph.inputs.map((input) =>
        input.name === 'table' ? { ...input, shape: [rows, ...input.shape.slice(1)] } : input,
      ),
    }
    assertSame(
      await runGraph(backend, graph, gather!.inputs),
      await runGraph(oracle, ...plainCase(gather!)),
      'Gather from a table with fewer rows than declared',
    )
  })

  test('an operator outside the closed list is refused', (backend) => assertOperatorRefused(backend, 'Frobnicate'))
}

async function assertOperatorRefused(backend: Backend, operator: string): Promise<void> {
  const x = { name: 'x', dtype: 'float32', shape: ['batch', 'seq', 64], role: 'activation' } as const
  const node = { operator: operator as 'Relu', inputs: ['x'], outputs: ['y'], attributes: {} }
  const graph = { name: `only ${operator}`, inputs: [x], outputs: [{ ...x, name: 'y' }], caches: [], nodes: [node] }
  await assertRefused(`the operator ${operator}`, () => backend.compile(graph), ['UNSUPPORTED_DATA'])
}
