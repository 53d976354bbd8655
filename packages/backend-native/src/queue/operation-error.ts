import { type FlexgenError, InternalError, UsageError } from '@flexgen/spec'
import type { PlannedNode } from '../graphs/plan-nodes.ts'
import { type Completion, completionStatus } from './completion-port.ts'

/** The error of a run that failed in the library. */
export function operationError(
  graphName: string,
  nodes: readonly PlannedNode[],
  { status, details: [node = 0, a = 0, b = 0, c = 0] }: Completion,
): FlexgenError {
  const operator = nodes[node]?.node.operator ?? 'a node'
  if (status === completionStatus.badIndex)
    return new UsageError(`${graphName}: ${operator} reads row ${a} of a table of ${b} rows`)
  if (status === completionStatus.badLength)
    return new UsageError(
      `${graphName}: ${operator} row ${a}: positions ${b} to ${c} do not fit the tokens or the cache`,
    )
  return new InternalError(`${graphName}: the host kernels refuse node ${node}, ${operator}`)
}
