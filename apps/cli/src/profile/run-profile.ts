import type { HardwareProfile, LinkName } from '@flexgen/planner'
import { loadavg } from 'node:os'
import type { CliContext } from '../cli-context.ts'
import { formatTable } from '../format/format-table.ts'
import { formatBytes, threeDigits } from '../format/format-bytes.ts'

/** The flags of `profile`. */
export interface ProfileFlags {
  readonly name?: string
  readonly backend?: readonly string[]
  readonly threads?: number
  readonly offloadDir?: string
  readonly output?: string
  readonly json?: boolean
  readonly verbose: number
  readonly quiet?: boolean
}

/** Load above which measured speeds are those of a busy machine. */
const busyLoad = 1

/**
 * The command `profile`: measures the machine and saves what it found.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where no backend works, what the disk fails with
 */
export async function runProfile(flags: ProfileFlags, { terminal, interrupt }: CliContext): Promise<void> {
  const { out, log } = terminal
  const isQuiet = flags.quiet === true || flags.verbose === 0
  const { defaultHardwareFile, profileHere, writeJsonFile } = await import('flexgen')
  const [load = 0] = loadavg()
  if (load > busyLoad && !isQuiet) {
    log.writeLine(
      `${log.style('yellow', 'note:')} other work keeps this machine busy (load ${load.toFixed(1)}): measure again when it is quiet`,
    )
  }
  const startedAtMs = performance.now()
  const profile = await profileHere({
    name: flags.name,
    backends: flags.backend,
    threads: flags.threads,
    offloadDir: flags.offloadDir,
    signal: AbortSignal.any([interrupt.signal, terminal.closed]),
    onStep: (what, done, total) => isQuiet || log.writeLine(`${done + 1}/${total}  measuring ${what}`),
  })
  const file = flags.output ?? defaultHardwareFile()
  await writeJsonFile(file, profile)
  if (flags.json === true) out.writeLine(JSON.stringify(profile))
  else for (const line of describeProfile(profile)) out.writeLine(line)
  if (isQuiet) return
  const seconds = (performance.now() - startedAtMs) / 1000
  log.writeLine(
    `saved as ${file}, after ${threeDigits(seconds)} s${flags.output === undefined ? '' : '; name it with --hardware'}`,
  )
}

const linkTitles: Readonly<Record<LinkName, string>> = {
  hostToDevice: 'RAM to device',
  deviceToHost: 'device to RAM',
  diskRead: 'disk read',
  diskWrite: 'disk write',
  ramRead: 'RAM read by kernels',
}

/** A profile in lines for people. */
export function describeProfile({ links, shared, besideReads, compute, machine, capacity }: HardwareProfile): string[] {
  const speed = ({
    bytesPerSecond,
    spread,
  }: {
    readonly bytesPerSecond: number
    readonly spread?: number
  }): string[] => [
    `${formatBytes(bytesPerSecond)}/s`,
    spread === undefined ? '' : `spread ${Math.round(spread * 100)} %`,
  ]
  const share = (value: number): string => `${Math.round(value * 100)} %`
  const beside = Object.entries(besideReads ?? {}).map(([way, { read, compute: kept }]) => [
    `  ${way} reads beside computing`,
    `keep ${share(read)}`,
    `computing keeps ${share(kept)}`,
  ])
  const together = (shared ?? []).map(({ links: names, bytesPerSecond }) => [
    `  ${names.map((name) => linkTitles[name]).join(' beside ')}`,
    ...bytesPerSecond.map((each) => `${formatBytes(each)}/s`),
  ])
  return [
    `${machine.deviceName ?? machine.cpuName ?? 'machine'}, ${machine.cpuCores} cores`,
    `RAM ${formatBytes(capacity.ramBytes)} and disk ${formatBytes(capacity.diskBytes)} free`,
    ...formatTable([
      ['Links'],
      ['  disk read, direct', ...speed(links.diskRead.direct)],
      ...(links.diskRead.cached ? [['  disk read, page cache', ...speed(links.diskRead.cached)]] : []),
      ['  disk write', ...speed(links.diskWrite.buffered)],
      ['  RAM read by kernels', ...speed(links.ramRead)],
      ...(links.hostToDevice ? [['  RAM to device', ...speed(links.hostToDevice.pinned)]] : []),
      ...(links.deviceToHost ? [['  device to RAM', ...speed(links.deviceToHost.pinned)]] : []),
      ...(links.pinning ? [['  page-locked RAM comes', ...speed(links.pinning)]] : []),
      ...together,
      ...beside,
    ]),
    ...[compute.device, ...(compute.host ? [compute.host] : []), ...(compute.others ?? [])].flatMap((rates) => [
      `Kernels of ${rates.backend}, in GFLOP/s by rows`,
      ...formatTable(describeProducts(rates.matmul)),
    ]),
  ]
}

function describeProducts(matmul: HardwareProfile['compute']['device']['matmul']): string[][] {
  const rows = [...new Set(matmul.map((rate) => rate.rows))].toSorted((a, b) => a - b)
  const titleOf = ({ weights, weightDtype }: (typeof matmul)[number]): string =>
    `  ${weights} ${weightDtype ?? ''}`.trimEnd()
  const titles = [...new Set(matmul.map(titleOf))]
  return [
    ['  rows', ...rows.map(String)],
    ...titles.map((title) => [
      title,
      ...rows.map((count) => {
        const rate = matmul.find((each) => titleOf(each) === title && each.rows === count)
        return rate === undefined ? '-' : threeDigits(rate.flopsPerSecond / 1e9)
      }),
    ]),
  ]
}
