export { createOptModel, type OptModel, type OptModelOptions } from './create-opt-model.ts'
export { optFamily } from './opt-family.ts'
export { parseOptConfig } from './config/parse-opt-config.ts'
export type { OptConfig } from './config/opt-config.ts'
