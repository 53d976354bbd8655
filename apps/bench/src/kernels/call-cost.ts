import type { Backend, LayerGraph } from '@flexgen/spec'
import { filledSpan } from './filled-span.ts'
import type { CallCost } from './kernel-report.ts'
import { summarize } from './time-runs.ts'

const calls = 1000
const rounds = 9

/** What a call costs JavaScript, and how long it takes until JavaScript hears of its end: of a kernel that does next to nothing. */
export async function measureCallCost(backend: Backend): Promise<CallCost> {
  await using kernel = await backend.compile(graph)
  const binding = kernel.createBinding()
  const spans = ['x', 'y'].map((name) => [name, filledSpan(backend, 64, 'float32')] as const)
  for (const [name, span] of spans) binding.set(name, span, [1, 1, 16])
  const queue = backend.createQueue('calls')
  const issued: number[] = []
  const heard: number[] = []
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    for (let i = 0; i < calls; i++) queue.run(kernel, binding)
    issued.push(performance.now() - start)
    await queue.idle()
    const from = performance.now()
    for (let i = 0; i < calls; i++) await queue.run(kernel, binding).whenDone()
    heard.push(performance.now() - from)
  }
  for (const [, { buffer }] of spans) backend.free(buffer)
  const microseconds = (times: readonly number[]): number => (summarize(times).medianMs * 1e3) / calls
  return { issueMicroseconds: microseconds(issued), roundTripMicroseconds: microseconds(heard) }
}

const graph: LayerGraph = {
  name: 'call',
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'seq', 16], role: 'activation' }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'seq', 16], role: 'activation' }],
  caches: [],
  nodes: [{ operator: 'Relu', inputs: ['x'], outputs: ['y'], attributes: {} }],
}
