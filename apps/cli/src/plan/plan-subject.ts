import type { PlanRequest } from '@flexgen/planner'
import type { LoadedHardware, OpenedModel } from 'flexgen'
import type { CliContext } from '../cli-context.ts'
import type { PlanFlags } from './run-plan.ts'

/** The machine that is planned for. */
export interface PlanSubject extends AsyncDisposable {
  readonly hardware: LoadedHardware
  /** Name of the backend that would compute; undefined for a machine that is not at hand. */
  readonly backendName: string | undefined
  readonly request: Pick<PlanRequest, 'hardware' | 'capacity' | 'freeRamBytes' | 'layout' | 'margin'>
}

type Sizes = NonNullable<PlanRequest['capacity']>

/**
 * The machine of the flags: a profile by its name, or this one, which is measured first where it never was. On this
 * machine the backend itself says what it holds, and no more is planned for than what is free.
 */
export async function planSubject(
  flags: PlanFlags,
  opened: OpenedModel,
  given: Sizes,
  context: CliContext,
): Promise<PlanSubject> {
  const {
    defaultOffloadDir,
    engineWeightsOf,
    expandHome,
    loadHardware,
    openBackend,
    openHostBackend,
    roomOf,
    usableDeviceBytes,
    usableRamBytes,
  } = await import('flexgen')
  const { hardwareForBackend } = await import('@flexgen/planner')
  const offloadDir = expandHome(flags.offloadDir ?? defaultOffloadDir())
  const loaded = await loadHardware(flags.hardware, offloadDir)
  const measured = loaded.source === 'assumed' ? await measureFirst('this machine', flags, context) : loaded
  const { profile, source } = measured
  if (source !== 'saved' || flags.costModel !== 'engine') {
    const used = hardwareForBackend(profile, flags.backend)
    const dispose = (): Promise<void> => Promise.resolve()
    const request = { hardware: used, capacity: given, layout: { dtype: flags.dtype } }
    return { hardware: measured, backendName: undefined, request, [Symbol.asyncDispose]: dispose }
  }
  const { backend } = await openBackend(flags.backend ?? 'auto')
  const room = await roomOf(offloadDir)
  const { hostVisible, memoryBytes } = backend.device
  const isOther = !hostVisible && profile.machine.device !== 'gpu'
  const hardware = isOther ? await measureFirst('this card', flags, context) : measured
  // A run on a card may attend on the host, as `--policy auto` does it.
  const { host, isOwn } = await openHostBackend({ policy: 'auto' }, backend)
  const free = usableRamBytes(room.ramBytes)
  return {
    hardware,
    backendName: backend.name,
    request: {
      hardware: hardwareForBackend(hardware.profile, backend.name, hostVisible),
      capacity: {
        ram: given.ram ?? free,
        device: given.device ?? (hostVisible ? (given.ram ?? free) : usableDeviceBytes(memoryBytes)),
        disk: given.disk ?? room.diskBytes,
      },
      margin: { device: 1, ram: 1, disk: 1 },
      freeRamBytes: room.ramBytes,
      layout: {
        backend,
        host,
        weights: (compressWeight) => engineWeightsOf(opened, { compressWeight }, backend).weights,
        dtype: flags.dtype,
      },
    },
    [Symbol.asyncDispose]: async () => {
      if (isOwn) await host?.[Symbol.asyncDispose]()
      await backend[Symbol.asyncDispose]()
    },
  }
}

async function measureFirst(what: string, { json }: PlanFlags, context: CliContext): Promise<LoadedHardware> {
  const { runProfile } = await import('../profile/run-profile.ts')
  const { readSavedHardware } = await import('flexgen')
  const { log } = context.terminal
  log.writeLine(`${what} was never measured: flexgen profile does that first, in about a minute`)
  const silent = { ...context.terminal.out, writeLine: () => undefined, write: () => undefined }
  await runProfile({ verbose: json === true ? 0 : 1 }, { ...context, terminal: { ...context.terminal, out: silent } })
  return { profile: (await readSavedHardware())!, source: 'saved' }
}
