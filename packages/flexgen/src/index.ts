export { createEngine } from './create-engine.ts'
export type { CreateEngineOptions } from './engine/engine-options.ts'
export type { FlexgenEngine } from './engine/flexgen-engine.ts'
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
export type { TextEvent, TextGenerationOptions, TextResult } from './generate/text-generation.ts'
export { expandHome } from './model/expand-home.ts'
export { demoModelName, findModel, type FindModelOptions, type ModelPlace } from './model/find-model.ts'
export { type OpenedModel, openModel, type OpenModelOptions } from './model/open-model.ts'
export { type BackendEntry, backends, type BackendSettings } from './registry/backends.ts'
export { openBackend, type OpenedBackend } from './registry/open-backend.ts'
export { parseSize, type Size } from './size/parse-size.ts'
export { type ChromeTrace, createChromeTrace } from './trace/chrome-trace.ts'
