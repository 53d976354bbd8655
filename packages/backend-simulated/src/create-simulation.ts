import { type Backend, type Clock, type DeviceInfo, type DType, type Tier } from '@flexgen/spec'
import { createSimulatedBackend } from './backend/create-simulated-backend.ts'
import type { CopyPath } from './backend/simulated-queue.ts'
import { randomTokens } from './scenario/random-tokens.ts'
import { limitRam, type SharedMemory } from './memory/memory-ledger.ts'
import { createTimeline } from './machine/create-timeline.ts'
import { createResources, linkSpeeds, speedNames } from './machine/machine-resources.ts'
import { checkScenario } from './scenario/check-scenario.ts'
import type { LinkName, SimulatedHardware } from './scenario/hardware.ts'
import { createRandom } from './scenario/random.ts'
import type { Scenario, ScenarioBudget, ScenarioChange, ScenarioSpeed } from './scenario/scenario.ts'
import { sequenceLength } from './scenario/sequence-lengths.ts'
import { createSimulatedTier } from './tier/create-simulated-tier.ts'
import { VirtualTime } from './time/virtual-time.ts'

/** What a simulation is made from. */
export interface SimulationOptions {
  /** A hardware profile. */
  readonly hardware: SimulatedHardware
  readonly scenario?: Scenario | undefined
  /** Dtype of computation and KV; by default that of the profile's first product. */
  readonly dtype?: DType | undefined
  /** Whether host memory is page-locked, so that copies to and from the device are fast. Default true. */
  readonly pinned?: boolean | undefined
  /** The id that greedy decoding finds next, for a vocabulary; random ones by default, of the scenario's seed. */
  readonly nextToken?: ((vocabularySize: number) => number) | undefined
}

/** A simulated machine: what an engine is made from, and a clock that only its waiting moves. */
export interface Simulation extends AsyncDisposable {
  readonly clock: Clock
  readonly backend: Backend
  /** Attends over KV in RAM, for a device with memory of its own; on a host it is the backend itself. */
  readonly host: Backend | undefined
  readonly ram: Tier
  readonly disk: Tier & { readonly notices: readonly string[] }
  /** What the machine has now, in bytes; changes with the scenario. */
  readonly budgets: Readonly<Record<ScenarioBudget, number>>
  /** Starts the scenario's changes over, counted from now; they run from the creation until then. */
  restart(): void
  /** Tells that so many sweeps have ended since the restart, for changes that are counted so. */
  endSweep(sweeps: number): void
  /** Tells of every change as it happens, after it has taken effect. */
  onChange(listener: (change: ScenarioChange) => void): void
  /** The engine's stop rule: ends sequences where the scenario says; undefined where it says nothing. */
  readonly stopRule: ((sequence: number, position: number, id: number) => boolean) | undefined
  /** Time of the clock in which each resource was busy, in seconds. */
  busySeconds(): Readonly<Record<ScenarioSpeed, number>>
}

/** Streams of random numbers, one for each use. */
const streams = { noise: 0, tokens: 1 } as const

/**
 * Makes a simulated machine: backends and tiers that take the time of the profile's machine on a virtual clock, the
 * same every time, and move no bytes.
 * @throws {UsageError} for a scenario with a number out of range, or a profile of a gpu without its links
 */
export function createSimulation(options: SimulationOptions): Simulation {
  const { hardware, scenario = { schemaVersion: 1 }, dtype } = options
  checkScenario(scenario)
  const { machine, capacity, compute, costs } = hardware
  const isHost = machine.device === 'host'
  const time = new VirtualTime()
  const way = scenario.diskWay ?? 'buffered'
  const speeds = linkSpeeds(hardware, way, options.pinned ?? true)
  const resources = createResources(time, hardware, speeds, way)
  const path = (name: LinkName): CopyPath => ({ resource: resources[name], bytesPerSecond: speeds[name] })
  const noise = createRandom(scenario.noise?.seed ?? 0, streams.noise)
  const spread = scenario.noise?.spread ?? 0
  const vary = (seconds: number): number => (spread === 0 ? seconds : seconds * (1 + spread * (2 * noise.next() - 1)))
  const nextToken = options.nextToken ?? randomTokens(createRandom(scenario.tokenSeed ?? 0, streams.tokens))
  const ram: SharedMemory = { limitBytes: capacity.ramBytes, heldBytes: 0 }
  const computeDtype = dtype ?? compute.device.matmul[0]!.dtype
  const shared = { time, computeDtype, ram, nextToken, costs, vary }
  const within = { resource: resources.deviceCompute, bytesPerSecond: fastestRead(hardware) }
  const toDevice = path(isHost ? 'ramRead' : 'hostToDevice')
  const backend = createSimulatedBackend({
    ...shared,
    name: 'simulated',
    device: deviceOf(hardware, isHost ? 'cpu' : 'cuda', capacity.deviceBytes, isHost),
    speeds: compute.device,
    costs: { ...costs, stageSeconds: compute.device.stageSeconds ?? costs.stageSeconds },
    compute: resources.deviceCompute,
    paths: { in: toDevice, out: path(isHost ? 'ramRead' : 'deviceToHost'), within: isHost ? toDevice : within },
    notices: [`simulated: no model was run, times are those of the profile ${hardware.name} on a virtual clock`],
  })
  const host =
    isHost || compute.host === undefined
      ? undefined
      : createSimulatedBackend({
          ...shared,
          name: 'simulated-host',
          device: deviceOf(hardware, 'cpu', capacity.ramBytes, true),
          speeds: compute.host,
          compute: resources.hostCompute,
          paths: { in: path('ramRead'), out: path('ramRead'), within: path('ramRead') },
          // Its runs are the device's attention, whose issue is counted there.
          costs: { ...costs, stageSeconds: 0, sweepSeconds: 0 },
          notices: [],
        })
  const ramTier = createSimulatedTier({
    kind: 'ram',
    time,
    read: path('ramRead'),
    write: path('ramRead'),
    transferSeconds: 0,
    limitBytes: Number.POSITIVE_INFINITY,
    vary,
    allocator: {
      allocateHost: (byteLength) => backend.allocateHost(byteLength),
      freeHost: (buffer) => backend.free(buffer),
    },
  })
  const disk = createSimulatedTier({
    kind: 'disk',
    time,
    read: path('diskRead'),
    write: path('diskWrite'),
    transferSeconds: costs.transferSeconds,
    limitBytes: capacity.diskBytes,
    vary,
  })
  const setBudget = (budget: ScenarioBudget, bytes: number): void => {
    if (budget === 'device') backend.setCapacity(bytes)
    else if (budget === 'disk') disk.setLimit(bytes)
    else limitRam(ram, bytes)
  }
  const budgets = { device: capacity.deviceBytes, ram: capacity.ramBytes, disk: capacity.diskBytes }
  const timeline = createTimeline(time, resources, scenario, budgets, setBudget)
  const { lengths } = scenario
  return {
    clock: time,
    backend,
    host: isHost ? backend : host,
    ram: ramTier,
    disk,
    ...timeline,
    stopRule:
      lengths === undefined ? undefined : (sequence, position) => position + 1 >= sequenceLength(lengths, sequence)!,
    busySeconds: () =>
      Object.fromEntries(speedNames.map((name) => [name, resources[name].busyMs / 1000])) as Record<
        ScenarioSpeed,
        number
      >,
    async [Symbol.asyncDispose]() {
      await ramTier[Symbol.asyncDispose]()
      await disk[Symbol.asyncDispose]()
      await host?.[Symbol.asyncDispose]()
      await backend[Symbol.asyncDispose]()
    },
  }
}

function deviceOf(
  { machine, description }: SimulatedHardware,
  kind: DeviceInfo['kind'],
  memoryBytes: number,
  hostVisible: boolean,
): DeviceInfo {
  const name = (hostVisible ? machine.cpuName : machine.deviceName) ?? description
  return { kind, description: `${name} (simulated)`, memoryBytes, hostVisible }
}

/** The device's memory as fast as its attention was seen to read it; a profile says no more. */
function fastestRead({ compute }: SimulatedHardware): number {
  return Math.max(...compute.device.decodeAttention.map(({ bytesPerSecond }) => bytesPerSecond))
}
