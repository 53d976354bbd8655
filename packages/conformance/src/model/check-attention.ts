import assert from 'node:assert/strict'
import type { Model, ScheduleLayer } from '@flexgen/spec'

/**
 * Asserts that an attention layer has one stage of attention, in which nothing else is computed, that uses the cache of
 * the model, and that other layers have none: that stage alone may run where the KV lives.
 */
export function checkAttention({ kvHeads, headDim }: Model, layer: ScheduleLayer): void {
  const attending = layer.stages.filter(({ kind }) => kind === 'attention')
  assert.equal(attending.length, layer.kind === 'attention' ? 1 : 0, `${layer.name}: attention stages`)
  for (const { kind, graph } of layer.stages) {
    const operators = graph.nodes.map(({ operator }) => operator)
    const where = `${layer.name}: ${graph.name}`
    if (kind === 'dense') {
      assert.ok(!operators.includes('Attention'), `${where} attends in a dense stage`)
      assert.deepEqual([...graph.caches], [], `${where}: caches of a dense stage`)
      continue
    }
    assert.equal(operators.filter((operator) => operator === 'Attention').length, 1, `${where}: attention nodes`)
    assert.deepEqual(
      graph.caches.map((cache) => ({ kvHeads: cache.kvHeads, headDim: cache.headDim })),
      [{ kvHeads, headDim }],
      `${where}: caches`,
    )
    for (const node of graph.nodes)
      if (node.operator === 'Attention')
        assert.equal(node.attributes.cache, graph.caches[0]!.name, `${where}: its cache`)
    assert.ok(!graph.inputs.some(({ role }) => role === 'weight'), `${where} reads weights, which the host has not`)
  }
}
