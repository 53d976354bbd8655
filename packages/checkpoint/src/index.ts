export type { CheckpointOptions } from './checkpoint-options.ts'
export type { CheckpointSource } from './source/checkpoint-source.ts'
export { openSafetensors } from './safetensors/open-safetensors.ts'
export { openPytorch } from './pytorch/open-pytorch.ts'
export { openNumpyFolder } from './numpy/open-numpy-folder.ts'
export { compressSource } from './compressed/compress-source.ts'
export { type CheckpointPlan, planCheckpoint, type PlannedShard } from './write/plan-checkpoint.ts'
export { writeCheckpoint, type WriteCheckpointOptions } from './write/write-checkpoint.ts'
export {
  createDummySource,
  type DummySource,
  type DummySourceOptions,
  type RepeatedValues,
} from './dummy/create-dummy-source.ts'
export { type CheckpointFormat, openCheckpoint, type OpenCheckpointOptions } from './open-checkpoint.ts'
export { readConfig } from './read-config.ts'
