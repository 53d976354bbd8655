export {
  type ConvertedModel,
  convertModel,
  type ConvertModelOptions,
  type ConvertProgress,
} from './convert/convert-model.ts'
export type { WeightForm } from './convert/weight-forms.ts'
export { createEngine } from './create-engine.ts'
export type { EngineMachine } from './engine/engine-machine.ts'
export type { CreateEngineOptions } from './engine/engine-options.ts'
export type { FlexgenEngine, ScoreOptions } from './engine/flexgen-engine.ts'
export { defaultOffloadDir } from './engine/default-offload-dir.ts'
export { checkTextGeneration, defaultMaxNewTokens } from './generate/generate-text.ts'
export {
  type EncodedPrompt,
  encodePrompts,
  type Prompt,
  type PromptContext,
  type PromptRequest,
  workloadOf,
} from './generate/prompt.ts'
export { randomPrompts, type RandomPromptsOptions } from './generate/random-prompts.ts'
export { scoreOf, type ScoreResult } from './generate/score.ts'
export type { TextEvent, TextGenerationOptions, TextResult } from './generate/text-generation.ts'
export { expandHome } from './model/expand-home.ts'
export { demoModelName, findModel, type FindModelOptions, type ModelPlace } from './model/find-model.ts'
export { type OpenedModel, openModel, type OpenModelOptions } from './model/open-model.ts'
export { type BackendEntry, backends, type BackendSettings } from './registry/backends.ts'
export { openBackendHere as openBackend } from './policy/backend-preference.ts'
export type { OpenedBackend } from './registry/open-backend.ts'
export { parseSize, type Size } from './size/parse-size.ts'
export { type ChromeTrace, createChromeTrace } from './trace/chrome-trace.ts'
export type { AutoPolicy, PolicyChoice } from './policy/auto-policy.ts'
export { defaultHardwareFile, defaultHistoryFile } from './policy/cache-files.ts'
export { readJsonFile, writeJsonFile } from './policy/json-file.ts'
export { type LoadedHardware, loadHardware, readSavedHardware, roomOf, staleness } from './policy/load-hardware.ts'
export { profileHere, type ProfileHereOptions } from './policy/profile-here.ts'
export { hardwareKey, readHistory, type RunFigures, type RunPrediction } from './policy/run-prediction.ts'
export { usableDeviceBytes, usableRamBytes } from './policy/choose-policy.ts'
export { readPolicyFile } from './policy/read-policy.ts'
export { engineWeightsOf, type EngineWeights } from './engine/engine-weights.ts'
export { openHostBackend, type OpenedHost } from './engine/open-host-backend.ts'
export { type RunBackends, type SettledPolicy, settlePolicy } from './policy/settle-policy.ts'
export type { EngineBudget, ReplacementOptions, ReplacementReport } from '@flexgen/core'
export { type ReplacementFlags, replacementOf } from './policy/replacement-of-flags.ts'
