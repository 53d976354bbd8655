import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeBackend } from '@flexgen/conformance'
import { afterEach, describe, expect, it } from 'vitest'
import { createBackendOn } from '../src/create-backend-on.ts'
import { openEngine } from '../src/engine/open-engine.ts'
import type { TensorEngine } from '../src/engine/tensor-engine.ts'
import { enginesHere } from './engines-here.ts'
import { lacks } from './known-gaps.ts'
import { openLateEngine } from './late-engine.ts'

const opened: TensorEngine[] = []
afterEach(() => {
  for (const engine of opened.splice(0)) expect(engine.tensorCount(), 'tensors left behind').toBe(0)
})

for (const title of [...enginesHere, 'cpu, answers late'] as const) {
  const create = async (): Promise<ReturnType<typeof createBackendOn>> => {
    opened.push(title === 'cpu, answers late' ? await openLateEngine() : await openEngine(title))
    return createBackendOn(opened.at(-1)!, title === 'cpu, answers late' ? 'cpu' : title)
  }
  describeBackend(`TensorFlow.js ${title}`, create, { describe, it, oracle: createReferenceBackend, lacks })
}
