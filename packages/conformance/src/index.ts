export type { TestKit } from './kit/test-kit.ts'
export { createRandom, type Random, randomBytes, randomFloats } from './kit/random.ts'
export { assertClose, type Tolerance } from './kit/assert-close.ts'
export { assertLogits } from './kit/assert-logits.ts'
export { assertBytes } from './kit/assert-bytes.ts'
export { assertFlexgenError, assertRefused, assertRefusedAtOnce } from './kit/refusal.ts'
export { createHostBuffer } from './kit/host-buffer.ts'
export { isAvailable } from './kit/is-available.ts'
export { turnLoop } from './kit/pause.ts'
export { floatsOf, floatTensor, intsOf, intTensor, type TensorData } from './kit/tensor-data.ts'
export { runGraph, type RunGraphOptions, runKernel } from './backend/run-graph.ts'
export type { BackendKit, KnownGap, KnownLack } from './backend/backend-kit.ts'
export { missingCapabilities } from './backend/missing-capabilities.ts'
export { describeBackend } from './backend/describe-backend.ts'
export type { TierKit } from './tier/tier-kit.ts'
export { describeTier } from './tier/describe-tier.ts'
export type { ExpectedTensor, WeightSourceKit } from './weights/weight-source-kit.ts'
export { describeWeightSource } from './weights/describe-weight-source.ts'
export type { LogitsCase, ModelKit, ModelReference } from './model/model-kit.ts'
export { describeModel } from './model/describe-model.ts'
export {
  createFaultyFileSystem,
  type Fault,
  type FaultEffect,
  type FaultPlan,
  type FaultyFileSystem,
  type FileCall,
} from './files/faulty-file-system.ts'
