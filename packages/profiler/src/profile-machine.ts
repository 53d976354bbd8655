import type { ComputeRates, HardwareProfile } from '@flexgen/planner'
import { type Backend, type DType, UsageError } from '@flexgen/spec'
import { cardEffort, fullEffort, type MeasureEffort } from './kernels/measure-effort.ts'
import { measureCompute } from './kernels/measure-compute.ts'
import type { MemoryRoom } from './kernels/working-set.ts'
import { measureBeside } from './links/measure-beside.ts'
import { measureDeviceLinks } from './links/measure-device-links.ts'
import { type CreateDisk, measureDisk } from './links/measure-disk.ts'
import { measureHostAttention } from './links/measure-host-attention.ts'

/** What a machine is measured with; everything is an instance, nothing is looked up by name. */
export interface ProfileMachineOptions {
  readonly name: string
  /** Backends of one device, the one that is used by default first. */
  readonly backends: readonly Backend[]
  /** What computes on RAM beside a device with memory of its own. */
  readonly host?: Backend | undefined
  readonly createDisk: CreateDisk
  readonly machine: { readonly cpuName: string; readonly cpuCores: number }
  readonly capacity: { readonly ramBytes: number; readonly diskBytes: number }
  /** Bytes of all last-level caches of the host, so that memory is read and not they; unknown by default. */
  readonly cacheBytes?: number | undefined
  /** Versions of what is measured with, such as `node`. */
  readonly versions: Readonly<Record<string, string>>
  readonly measuredAt: Date
  readonly effort?: MeasureEffort | undefined
  /** How a device with memory of its own is measured. */
  readonly cardEffort?: MeasureEffort | undefined
  /** Told what is measured next. */
  readonly onStep?: ((what: string, done: number, total: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a sweep costs besides its kernels: greedy sampling of some rows of a large vocabulary, and bookkeeping. */
const assumedSweepSeconds = 1e-3

/**
 * Measures a machine: the disk past the page cache and through it, memory, products, attention and calls of every
 * backend, copies where a device has memory of its own, and reading beside computing.
 * @throws {FlexgenError} what the disk or a backend fails with; the signal's reason
 */
export async function profileMachine(options: ProfileMachineOptions): Promise<HardwareProfile> {
  const { backends, host, createDisk, effort = fullEffort, signal, onStep } = options
  const ofCard = options.cardEffort ?? options.effort ?? cardEffort
  const [main] = backends
  if (main === undefined) throw new UsageError('there is no backend to measure')
  const total = backends.length + (host === undefined ? 0 : 1) + 3
  let done = 0
  const step = (what: string): void => {
    signal?.throwIfAborted()
    onStep?.(what, done++, total)
  }
  const roomOf = ({ device }: Backend): MemoryRoom =>
    device.hostVisible
      ? { cacheBytes: options.cacheBytes ?? 0, freeBytes: Math.min(device.memoryBytes, options.capacity.ramBytes) }
      : { cacheBytes: 0, freeBytes: device.memoryBytes }
  step('disk')
  const disk = await measureDisk(createDisk, main, effort)
  const rates: ComputeRates[] = []
  let ramBytesPerSecond = 0
  for (const backend of backends) {
    step(`kernels of ${backend.name}`)
    const measured = await measureCompute(backend, backend.device.hostVisible ? effort : ofCard, roomOf(backend))
    rates.push(measured.rates)
    if (backend.device.hostVisible) ramBytesPerSecond = Math.max(ramBytesPerSecond, measured.weightBytesPerSecond)
  }
  if (host !== undefined) step(`kernels of ${host.name}`)
  // It attends what the device computes: the same heads.
  const ofHost = { ...effort, heads: ofCard.heads, headDim: ofCard.headDim }
  const onHost = host === undefined ? undefined : await measureCompute(host, ofHost, roomOf(host))
  step('links')
  const { hostVisible, memoryBytes, description } = main.device
  const deviceLinks = hostVisible ? undefined : await measureDeviceLinks(main, ofCard)
  const ramRead = Math.max(ramBytesPerSecond, onHost?.weightBytesPerSecond ?? 0)
  const dtypeOf = ({ matmul }: ComputeRates): DType => matmul[0]!.dtype
  const beside =
    deviceLinks === undefined || host === undefined
      ? []
      : [
          await measureHostAttention(
            main,
            host,
            dtypeOf(onHost!.rates),
            ofCard,
            {
              hostToDevice: deviceLinks.links.hostToDevice!.pinned.bytesPerSecond,
              ramRead,
            },
            roomOf(host),
          ),
        ]
  step('reading beside computing')
  const [device, ...others] = rates
  const onRam = hostVisible ? { backend: main, rates: device! } : host && { backend: host, rates: onHost!.rates }
  const besideReads = onRam && (await measureBeside(createDisk, onRam.backend, dtypeOf(onRam.rates), effort))
  return {
    schemaVersion: 1,
    name: options.name,
    description: `${description}, measured by flexgen profile`,
    measuredAt: options.measuredAt.toISOString(),
    versions: options.versions,
    assumed: [...disk.assumed, 'costs.sweepSeconds', ...(deviceLinks === undefined ? ['costs.transferSeconds'] : [])],
    machine: {
      device: hostVisible ? 'host' : 'gpu',
      deviceName: description,
      ...options.machine,
    },
    capacity: { deviceBytes: hostVisible ? options.capacity.ramBytes : memoryBytes, ...options.capacity },
    links: {
      ...deviceLinks?.links,
      diskRead: disk.read,
      diskWrite: disk.write,
      ramRead: { bytesPerSecond: ramRead },
    },
    ...(deviceLinks && { shared: [...deviceLinks.shared, ...beside] }),
    ...(besideReads && { besideReads }),
    compute: {
      device: device!,
      ...(onHost && { host: onHost.rates }),
      ...(others.length > 0 && { others }),
    },
    costs: {
      stageSeconds: device!.stageSeconds ?? 0,
      transferSeconds: deviceLinks?.transferSeconds ?? 20e-6,
      sweepSeconds: assumedSweepSeconds,
    },
  }
}
