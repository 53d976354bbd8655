import { BackendUnavailableError } from '@flexgen/spec'
import type { CliContext } from '../cli-context.ts'
import { formatBytes } from '../format/format-bytes.ts'
import { formatTable } from '../format/format-table.ts'
import type { Output } from '../output/terminal.ts'
import { type BackendReport, examineBackends } from './examine-backends.ts'
import { examineMachine, type MachineReport } from './examine-machine.ts'
import { examineOffloadDir, type OffloadReport } from './examine-offload-dir.ts'
import { examineProfile, type ProfileReport } from './examine-profile.ts'

/** The flags of `doctor`. */
export interface DoctorFlags {
  readonly offloadDir?: string
  readonly json?: boolean
}

/**
 * The command `doctor`: looks at machine, offload directory and backends.
 * @throws {BackendUnavailableError} where no backend works
 */
export async function runDoctor(flags: DoctorFlags, { terminal: { out } }: CliContext): Promise<void> {
  const { defaultOffloadDir, expandHome } = await import('flexgen')
  const machine = examineMachine()
  const offload = await examineOffloadDir(expandHome(flags.offloadDir ?? defaultOffloadDir()))
  const profile = await examineProfile()
  const backends = await examineBackends()
  if (flags.json === true) out.writeLine(JSON.stringify({ machine, offload, profile, backends }))
  else for (const line of describe(out, { machine, offload, profile, backends })) out.writeLine(line)
  if (!backends.some(({ works }) => works)) throw new BackendUnavailableError('no backend works on this machine')
}

/** All that was looked at. */
interface Examination {
  readonly machine: MachineReport
  readonly offload: OffloadReport
  readonly profile: ProfileReport
  readonly backends: readonly BackendReport[]
}

function describe(out: Output, { machine, offload, profile, backends }: Examination): string[] {
  const good = (text: string): string => out.style('green', text)
  const bad = (text: string): string => out.style('red', text)
  const help = (problem?: string, hint?: string): string[] => [
    ...(problem === undefined ? [] : [`      ${problem}`]),
    ...(hint === undefined ? [] : [`      hint: ${hint}`]),
  ]
  const free = offload.freeBytes === undefined ? [] : [`free        ${formatBytes(offload.freeBytes)}`]
  return [
    out.style('bold', 'Machine'),
    `  node        ${machine.nodeVersion}, ${machine.platform}`,
    `  processor   ${machine.processor}, ${machine.cores} cores to use`,
    `  memory      ${formatBytes(machine.memoryBytes)}, ${formatBytes(machine.availableMemoryBytes)} available`,
    out.style('bold', 'Offload directory'),
    `  path        ${offload.path}`,
    `  writable    ${offload.isWritable ? good('yes') : bad('no')}`,
    ...free.map((line) => `  ${line}`),
    `  direct I/O  ${offload.canReadDirectly ? good('yes') : 'no, reads go through the page cache'}`,
    ...help(offload.problem, offload.hint),
    ...(offload.isInMemory ? [`  ${bad('this folder lies in RAM: choose one on a disk with --offload-dir')}`] : []),
    out.style('bold', 'Hardware profile'),
    `  path        ${profile.path}`,
    `  measured    ${profile.measuredAt ?? bad(profile.isThere ? 'when is not said' : 'never: plans of --policy auto assume speeds')}`,
    ...help(profile.problem, profile.hint),
    out.style('bold', 'Backends'),
    ...formatTable(
      backends.map(({ name, api, works }) => [
        `  ${name}${api === undefined ? '' : ` (${api} API)`}`,
        works ? good('works') : bad('no'),
      ]),
    ).flatMap((line, i) => {
      const { device, notices = [], levels, missingLevels = [], problem, hint } = backends[i]!
      return [
        device === undefined ? line : `${line}  ${device}`,
        ...notices.map((text) => `      ${text}`),
        ...(levels === undefined
          ? []
          : [`      this processor has ${levels.join(', ')}; it lacks ${missingLevels.join(', ')}`]),
        ...help(problem, hint),
      ]
    }),
  ]
}
