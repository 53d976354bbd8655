import { type BackendCapabilities, type Dimension, type DType, inferShapes, type LayerGraph } from '@flexgen/spec'
import { checkGraph } from './check-graph.ts'

/** What is known of a value of a graph before a run. */
export interface ValueInfo {
  readonly name: string
  readonly dtype: DType
  /** Size of the last axis; 1 where that changes from run to run, so that a value is a row of its own. */
  readonly width: number
  /** Declared shape of an input or output of the graph; undefined for what lies in scratch. */
  readonly declared: readonly Dimension[] | undefined
  readonly isWeight: boolean
  /** A table that only Gather reads: it may be bound with some of its rows. */
  readonly isTable: boolean
}

/** A checked graph with what is known of its values, in a fixed order. */
export interface GraphInfo {
  readonly graph: LayerGraph
  readonly values: ReadonlyMap<string, ValueInfo>
}

/**
 * Checks a graph and describes its values.
 * @throws {FlexgenError} `UNSUPPORTED_DATA`
 */
export function describeGraph(graph: LayerGraph, capabilities: BackendCapabilities): GraphInfo {
  const dtypes = checkGraph(graph, capabilities)
  const [first, second] = [inferShapes(graph, { batch: 2, seq: 3 }), inferShapes(graph, { batch: 5, seq: 7 })]
  const borders = new Map([...graph.inputs, ...graph.outputs].map((value) => [value.name, value]))
  const values = [...first].map(([name, shape]): [string, ValueInfo] => {
    const last = shape.at(-1)!
    const border = borders.get(name)
    return [
      name,
      {
        name,
        dtype: dtypes.get(name)!,
        width: last === second.get(name)!.at(-1) ? last : 1,
        declared: border?.shape,
        isWeight: border?.role === 'weight',
        isTable: isTableOf(graph, name),
      },
    ]
  })
  return { graph, values: new Map(values) }
}

function isTableOf(graph: LayerGraph, name: string): boolean {
  const uses = graph.nodes.flatMap(({ operator, inputs }) =>
    inputs.flatMap((input, index) => (input === name ? [`${operator} ${index}`] : [])),
  )
  return uses.length > 0 && uses.every((use) => use === 'Gather 0')
}
