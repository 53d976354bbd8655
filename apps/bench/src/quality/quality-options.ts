import { UsageError } from '@flexgen/spec'
import type { BenchOptions } from '../bench-options.ts'
import type { CaseFlags } from '../case/case-flags.ts'
import { formatCommand } from '../case/format-command.ts'
import { refuseFlags } from '../case/refuse-flags.ts'
import type { QualitySettings } from './quality-settings.ts'

/** Flags of a case that mean something for quality. */
const taken: ReadonlySet<keyof CaseFlags> = new Set<keyof CaseFlags>([
  'model',
  'path',
  'backend',
  'api',
  'threads',
  'offloadDir',
  'maxRam',
  'gpuBatchSize',
  'numPrompts',
  'promptLen',
  // Nothing is predicted here, so nothing is learnt from it.
  'history',
])

/** Windows of fewer ids would score nothing from any context. */
const leastWindowTokens = 4

/**
 * What the suite is run with, by its flags, and the command that does so.
 * @throws {UsageError} for a flag that the suite has no use for, or a window that is too short
 */
export function qualityOptions(options: BenchOptions): {
  readonly settings: Omit<QualitySettings, 'variant'>
  readonly command: string
} {
  const { flags = {} } = options
  refuseFlags(options, taken, refuse)
  const { promptLen: windowTokens = 512, numPrompts: mostWindows } = flags
  if (windowTokens < leastWindowTokens) {
    throw new UsageError(`--suite quality scores windows of --prompt-len ids: ${leastWindowTokens} at least`)
  }
  const settings = {
    model: flags.model ?? 'demo',
    path: flags.path,
    backend: flags.backend ?? 'auto',
    api: flags.api,
    threads: flags.threads,
    offloadDir: flags.offloadDir,
    maxRam: flags.maxRam,
    windowTokens,
    mostWindows,
    gpuBatchSize: flags.gpuBatchSize ?? 8,
  }
  return { settings, command: `${formatCommand(flags)} --suite quality` }
}

function refuse(name: string): never {
  throw new UsageError(`--suite quality and --${name} do not go together: it measures what the model says, not time`, {
    hint: 'it takes --model, --backend, --num-prompts for fewer windows, and --prompt-len for their length',
  })
}
