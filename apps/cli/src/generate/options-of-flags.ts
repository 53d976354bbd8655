import type { CreateEngineOptions, parseSize, TextGenerationOptions } from 'flexgen'
import type { GenerateFlags } from './generate-flags.ts'

/**
 * What `createEngine` is told by flags; model, prompts and listeners are the caller's.
 * @throws {UsageError} for a size that is none
 */
export function engineOptionsOf(flags: GenerateFlags, toBytes: typeof parseSize): CreateEngineOptions {
  const sizeOf = (size: string | undefined, flag: string): number | undefined =>
    size === undefined ? undefined : toBytes(size, flag)
  const { percent, gpuBatchSize, numGpuBatches, overlap, sepLayer, placement } = flags
  const { cpuCacheCompute, attnSparsity, compressWeight, compressCache } = flags
  return {
    policy: {
      ...(percent !== undefined && { percent }),
      ...(gpuBatchSize !== undefined && { gpuBatchSize }),
      ...(numGpuBatches !== undefined && { numGpuBatches }),
      ...(overlap !== undefined && { overlap }),
      ...(sepLayer !== undefined && { sepLayer }),
      ...(placement !== undefined && { placement }),
      ...(cpuCacheCompute === true && { hostAttentionPercent: 100 }),
      ...(attnSparsity !== undefined && { attentionSparsity: attnSparsity }),
      ...(compressWeight !== undefined && { compressWeight }),
      ...(compressCache !== undefined && { compressCache }),
    },
    backend: flags.backend,
    hostBackend: flags.hostBackend,
    api: flags.api,
    threads: flags.threads,
    dtype: flags.dtype,
    maxRam: sizeOf(flags.maxRam, '--max-ram'),
    maxDeviceMemory: sizeOf(flags.maxDeviceMemory, '--max-device-memory'),
    maxDisk: sizeOf(flags.maxDisk, '--max-disk'),
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
    logProbs: flags.logProbs,
    breakdown: flags.debugMode === 'breakdown',
    // Lines of a file are written as sequences finish; everything else is shown in the order of the prompts.
    resultOrder: flags.output === undefined ? 'request' : 'finish',
  }
}
