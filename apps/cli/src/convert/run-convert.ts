import { UsageError } from '@flexgen/spec'
import type { CliContext } from '../cli-context.ts'
import { formatBytes } from '../format/format-bytes.ts'
import { formatDuration } from '../format/format-duration.ts'
import { createProgress } from '../output/progress.ts'

/** The flags of `convert` after parsing. */
export interface ConvertFlags {
  readonly model: string
  readonly path?: string
  readonly seed: number
  readonly output?: string
  readonly form: 'flexgen' | 'inputs'
  readonly maxFile?: string
  readonly force?: boolean
  readonly json?: boolean
  readonly verbose: number
  readonly quiet?: boolean
}

/** The command `convert`. */
export async function runConvert(flags: ConvertFlags, { terminal, interrupt }: CliContext): Promise<void> {
  const { out, log } = terminal
  const { output, quiet, verbose, json, ...rest } = flags
  if (output === undefined) throw new UsageError('convert needs --output', { hint: 'name the folder to make' })
  const isQuiet = quiet === true || verbose === 0
  const { convertModel } = await import('flexgen')
  const progress = createProgress(log)
  const startedAtMs = performance.now()
  try {
    const converted = await convertModel({
      ...rest,
      output,
      signal: AbortSignal.any([interrupt.signal, terminal.closed]),
      onProgress: ({ doneBytes, totalBytes }) =>
        isQuiet || progress.update({ label: 'writing weights', done: doneBytes, total: totalBytes, unit: 'bytes' }),
    })
    progress.clear()
    const seconds = (performance.now() - startedAtMs) / 1000
    if (json === true) out.writeLine(JSON.stringify({ ...converted, seconds }))
    if (isQuiet) return
    const { originalBytes, sizeBytes, compressedTensors, tensors } = converted
    const rate = formatBytes(originalBytes / seconds)
    log.writeLine(
      `${converted.output}: ${compressedTensors} of ${tensors} tensors in 4 bits, ` +
        `${formatBytes(originalBytes)} to ${formatBytes(sizeBytes)} in ${formatDuration(seconds)}, ${rate}/s read`,
    )
    for (const notice of converted.notices) log.writeLine(`${log.style('yellow', 'note:')} ${notice}`)
  } finally {
    progress.clear()
  }
}
