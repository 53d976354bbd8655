import path from 'node:path'

/** The settings that FlexGen puts into the name of a log. */
export interface LogFileNameParts {
  readonly model: string
  readonly gpuBatchSize: number
  readonly numGpuBatches: number
  readonly promptLen: number
  readonly genLen: number
  readonly percent: readonly number[]
  readonly cpuCacheCompute?: boolean | undefined
  readonly compressWeight?: boolean | undefined
  readonly compressCache?: boolean | undefined
  /** Profile of the machine that was simulated; FlexGen has no such thing. */
  readonly simulate?: string | undefined
}

/** The name of `--log-file auto` (`get_filename` of flex_opt.py), such as `fo-30b-gbs32-...-gpu-cache.log`. */
export function autoLogFileName(parts: LogFileNameParts): string {
  // A model in a folder has a path; FlexGen knows names only.
  const size = parts.model.split(/[-/\\]/).findLast((part) => part !== '')
  const fields = [
    `fo-${size}`,
    `gbs${parts.gpuBatchSize}`,
    `ngbs${parts.numGpuBatches}`,
    `prompt${parts.promptLen}`,
    `gen${parts.genLen}`,
    'percent',
    ...parts.percent,
    parts.cpuCacheCompute ? 'cpu-cache' : 'gpu-cache',
  ]
  const compressed = `${parts.compressWeight ? '-compw' : ''}${parts.compressCache ? '-compc' : ''}`
  const simulated = parts.simulate === undefined ? '' : `-simulated-${path.basename(parts.simulate, '.json')}`
  return `${fields.join('-')}${compressed}${simulated}.log`
}
