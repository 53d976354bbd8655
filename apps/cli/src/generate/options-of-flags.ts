import type { CreateEngineOptions, TextGenerationOptions } from 'flexgen'
import type { GenerateFlags } from './generate-flags.ts'

/** What `createEngine` is told by flags; model, prompts and listeners are the caller's. */
export function engineOptionsOf(flags: GenerateFlags): CreateEngineOptions {
  const { percent, gpuBatchSize, numGpuBatches, overlap, sepLayer } = flags
  return {
    policy: {
      ...(percent !== undefined && { percent }),
      ...(gpuBatchSize !== undefined && { gpuBatchSize }),
      ...(numGpuBatches !== undefined && { numGpuBatches }),
      ...(overlap !== undefined && { overlap }),
      ...(sepLayer !== undefined && { sepLayer }),
    },
    backend: flags.backend,
    api: flags.api,
    threads: flags.threads,
    dtype: flags.dtype,
    maxRam: flags.maxRam,
    maxDeviceMemory: flags.maxDeviceMemory,
    maxDisk: flags.maxDisk,
    offloadDir: flags.offloadDir,
    direct: flags.directIo,
  }
}

/** What `generate` is told by flags. */
export function generationOptionsOf(flags: GenerateFlags): TextGenerationOptions {
  return {
    maxNewTokens: flags.maxNewTokens,
    temperature: flags.temperature,
    topK: flags.topK,
    topP: flags.topP,
    seed: flags.seed,
    ignoreEos: flags.ignoreEos ?? false,
    stop: flags.stop,
  }
}
