import type { BackendCapabilities } from '@flexgen/spec'
import { supportedOperators } from '../operators/emit-node.ts'

/** What ONNX Runtime on the CPU does here; `asyncCopies` depends on the API, which may block the event loop. */
export function cpuCapabilities(asyncCopies: boolean): BackendCapabilities {
  return {
    operators: supportedOperators,
    computeDtypes: ['float32'],
    weightDtypes: ['float32', 'float16', 'bfloat16'],
    cacheDtypes: ['float32'],
    asyncCopies,
    scatteredCacheRows: true,
  }
}
