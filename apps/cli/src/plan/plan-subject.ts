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
  const { defaultOffloadDir, engineWeightsOf, expandHome, loadHardware, openBackend, roomOf, usableRamBytes } =
    await import('flexgen')
  const { hardwareForBackend } = await import('@flexgen/planner')
  const offloadDir = expandHome(flags.offloadDir ?? defaultOffloadDir())
  const loaded = await loadHardware(flags.hardware, offloadDir)
  const hardware = loaded.source === 'assumed' ? await measureFirst(flags, context) : loaded
  const { profile, source } = hardware
  if (source !== 'saved' || flags.costModel !== 'engine') {
    const used = hardwareForBackend(profile, flags.backend)
    const dispose = (): Promise<void> => Promise.resolve()
    const request = { hardware: used, capacity: given, layout: { dtype: flags.dtype } }
    return { hardware, backendName: undefined, request, [Symbol.asyncDispose]: dispose }
  }
  const { backend } = await openBackend(flags.backend ?? 'auto')
  const room = await roomOf(offloadDir)
  const { hostVisible } = backend.device
  const free = usableRamBytes(room.ramBytes)
  return {
    hardware,
    backendName: backend.name,
    request: {
      hardware: hardwareForBackend(profile, backend.name, hostVisible),
      capacity: {
        ram: given.ram ?? free,
        device: given.device ?? (hostVisible ? (given.ram ?? free) : undefined),
        disk: given.disk ?? room.diskBytes,
      },
      margin: hostVisible ? { device: 1, ram: 1, disk: 1 } : undefined,
      freeRamBytes: room.ramBytes,
      layout: {
        backend,
        weights: (compressWeight) => engineWeightsOf(opened, { compressWeight }, backend).weights,
        dtype: flags.dtype,
      },
    },
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  }
}

async function measureFirst({ json }: PlanFlags, context: CliContext): Promise<LoadedHardware> {
  const { runProfile } = await import('../profile/run-profile.ts')
  const { readSavedHardware } = await import('flexgen')
  const { log } = context.terminal
  log.writeLine('this machine was never measured: flexgen profile does that first, in less than a minute')
  const silent = { ...context.terminal.out, writeLine: () => undefined, write: () => undefined }
  await runProfile({ verbose: json === true ? 0 : 1 }, { ...context, terminal: { ...context.terminal, out: silent } })
  return { profile: (await readSavedHardware())!, source: 'saved' }
}
