import type { PlanRequest } from '@flexgen/planner'
import type { LoadedHardware, OpenedModel, RunBackends } from 'flexgen'
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
  const { defaultOffloadDir, expandHome, loadHardware } = await import('flexgen')
  const { hardwareForBackend } = await import('@flexgen/planner')
  const offloadDir = expandHome(flags.offloadDir ?? defaultOffloadDir())
  const loaded = await loadHardware(flags.hardware, offloadDir)
  const isHere = loaded.source === 'saved' || loaded.source === 'assumed'
  if (isHere && flags.costModel === 'engine') {
    return subjectHere({ flags, opened, given, context, loaded, offloadDir })
  }
  const hardware = loaded.source === 'assumed' ? await measureFirst('this machine', flags, context) : loaded
  const used = hardwareForBackend(hardware.profile, flags.backend)
  const dispose = (): Promise<void> => Promise.resolve()
  const request = { hardware: used, capacity: given, layout: { dtype: flags.dtype } }
  return { hardware, backendName: undefined, request, [Symbol.asyncDispose]: dispose }
}

interface SubjectHere {
  readonly flags: PlanFlags
  readonly opened: OpenedModel
  readonly given: Sizes
  readonly context: CliContext
  readonly loaded: LoadedHardware
  readonly offloadDir: string
}

async function subjectHere(subject: SubjectHere): Promise<PlanSubject> {
  const { openBackend, openHostBackend } = await import('flexgen')
  const { flags, loaded, context } = subject
  // Before a minute of measuring: a backend that is named may not work here.
  const { backend } = await openBackend(flags.backend ?? 'auto')
  try {
    const { device } = backend
    const isOther = !device.hostVisible && loaded.profile.machine.device !== 'gpu'
    const unmeasured = isOther ? 'this card' : loaded.source === 'assumed' ? 'this machine' : undefined
    const hardware = unmeasured === undefined ? loaded : await measureFirst(unmeasured, flags, context)
    // A run on a card may attend on the host, as `--policy auto` does it.
    const { host, isOwn } = await openHostBackend({ policy: 'auto' }, backend)
    return {
      hardware,
      backendName: backend.name,
      request: await requestHere(subject, { hardware, backend, host }),
      [Symbol.asyncDispose]: async () => {
        if (isOwn) await host?.[Symbol.asyncDispose]()
        await backend[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await backend[Symbol.asyncDispose]()
    throw error
  }
}

async function requestHere(
  { flags, opened, given, offloadDir }: SubjectHere,
  { hardware, backend, host }: RunBackends & { readonly hardware: LoadedHardware },
): Promise<PlanSubject['request']> {
  const { engineWeightsOf, roomOf, usableDeviceBytes, usableRamBytes } = await import('flexgen')
  const { hardwareForBackend } = await import('@flexgen/planner')
  const room = await roomOf(offloadDir)
  const { hostVisible, memoryBytes } = backend.device
  const ram = given.ram ?? usableRamBytes(room.ramBytes)
  return {
    hardware: hardwareForBackend(hardware.profile, backend.name, hostVisible),
    capacity: {
      ram,
      device: given.device ?? (hostVisible ? ram : usableDeviceBytes(memoryBytes)),
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
