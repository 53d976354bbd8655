import { createPolicy, type PolicyOptions, type Workload } from '@flexgen/core'
import type { Candidate, LayoutsOptions, Percent, PlanRequest } from '@flexgen/planner'
import {
  type Backend,
  type DType,
  type FlexgenError,
  InfeasibleError,
  type Model,
  type Policy,
  type WeightSource,
} from '@flexgen/spec'
import type { LoadedHardware } from './load-hardware.ts'
import { hardwareHere } from './hardware-here.ts'
import type { AutoPolicy } from './auto-policy.ts'

/** What is known of a run before its policy is. */
export interface RunSubject {
  readonly model: Model
  readonly backend: Backend
  /** What may attend on the host beside the backend; the planner does not know it beside one that is a host itself. */
  readonly host: Backend | undefined
  readonly weights: (compress: boolean) => WeightSource
  readonly workload: Workload | undefined
  readonly dtype: DType | undefined
  readonly directIo: boolean
  readonly pagePositions: number | undefined
  /** What the machine has free before the run. */
  readonly room: { readonly ramBytes: number; readonly diskBytes: number }
  readonly budgets: {
    readonly maxRamBytes: number | undefined
    readonly maxDeviceBytes: number | undefined
    readonly maxDiskBytes: number | undefined
  }
}

/** A policy that was chosen, and within which memory. */
export interface ChosenPolicy {
  readonly policy: Policy
  /** The budgets that it keeps: what was allowed, or what the machine has free. */
  readonly maxRamBytes: number | undefined
  readonly maxDeviceBytes: number | undefined
  readonly expected: Candidate | undefined
  readonly notices: readonly string[]
}

/** Free memory that is left to the process itself, to others and to the page cache. */
const spareRamShare = 0.1
const spareRamBytes = 256e6

/** Memory of a card that no run may have: contexts and kernels of the libraries take about 1 GB of an H100. */
const spareDeviceShare = 0.03
const spareDeviceBytes = 768e6

/** Prompts that are planned for where nobody says how many will come. */
const assumedWorkload = { sequences: 4, maxPromptTokens: 512, maxNewTokens: 32 }

/**
 * The fastest policy for a run within its budgets and the machine's free memory.
 * @throws {FlexgenError} `INFEASIBLE` with what lacks and what would fit
 */
export async function choosePolicy(
  subject: RunSubject,
  parts: AutoPolicy,
  loadHardware: () => Promise<LoadedHardware>,
): Promise<ChosenPolicy> {
  const { auto: _, ...fixed } = parts
  if (!isKnown(subject)) {
    const notices = ['policy auto does not know a second backend that attends yet: everything is on the device']
    const { maxRamBytes, maxDeviceBytes } = subject.budgets
    return { policy: createPolicy(fixed), maxRamBytes, maxDeviceBytes, expected: undefined, notices }
  }
  const sizes = sizesOf(subject)
  const { hostVisible } = subject.backend.device
  const { ram: maxRamBytes, device } = sizes.capacity
  // A budget of the device is a part of the RAM where both are one; the engine keeps what was given.
  const maxDeviceBytes = hostVisible ? subject.budgets.maxDeviceBytes : device
  // Nothing of the planner is loaded for these: the first token would wait for it.
  const small = smallPolicy(subject, sizes, fixed)
  if (small !== undefined) {
    return { policy: small, maxRamBytes, maxDeviceBytes, expected: undefined, notices: [describe(small)] }
  }
  const { profile, source } = await hardwareHere(await loadHardware(), subject)
  const { plan, infeasiblePlanError } = await import('@flexgen/planner')
  const request = await planRequestOf(subject, profile)
  const { percent, gpuBatchSize, numGpuBatches, overlap, compressWeight, compressCache } = fixed
  const result = await plan({
    ...request,
    costModel: 'engine',
    margin: { device: 1, ram: 1, disk: 1 },
    // There are six of them: that was checked with the rest of the policy.
    fixed: { percent: percent as Percent | undefined, gpuBatchSize, numGpuBatches },
    overlap,
    compressWeight,
    compressCache,
    isWithoutAdvice: true,
    layout: { ...request.layout, ...layoutParts(fixed) },
  })
  if (!result.feasible) throw naming(infeasiblePlanError(result), subject)
  const chosen = result.policy
  const policy = createPolicy({
    ...fixed,
    percent: chosen.percent,
    gpuBatchSize: chosen.gpuBatchSize,
    numGpuBatches: chosen.numGpuBatches,
    ...(!hostVisible && { hostAttentionPercent: chosen.hostAttentionPercent }),
  })
  return {
    policy,
    maxRamBytes,
    maxDeviceBytes,
    expected: { policy: chosen, bytes: result.bytes, predicted: result.predicted },
    notices: [
      describe(policy),
      ...(source === 'assumed'
        ? [`${hostVisible ? 'this machine' : 'this card'} was never measured: flexgen profile does it`]
        : []),
    ],
  }
}

/** Whether there is a model of such a run. */
export function isKnown({ backend, host }: RunSubject): boolean {
  return !backend.device.hostVisible || host === undefined
}

/** Lengths and capacities of a run. */
interface RunSizes {
  readonly promptTokens: number
  readonly newTokens: number
  /** Absent where nobody says how many there are: the planner makes a block as large as it likes. */
  readonly numPrompts: number | undefined
  readonly capacity: { readonly ram: number; readonly device: number; readonly disk: number }
}

function sizesOf({ model, backend, budgets, room, workload }: RunSubject): RunSizes {
  const { sequences, maxPromptTokens, maxNewTokens } = workload ?? {
    ...assumedWorkload,
    maxPromptTokens: Math.max(1, Math.min(assumedWorkload.maxPromptTokens, Math.floor(model.maxPositions / 2))),
  }
  const ram = Math.min(budgets.maxRamBytes ?? Number.POSITIVE_INFINITY, usableRamBytes(room.ramBytes))
  const { hostVisible, memoryBytes } = backend.device
  return {
    promptTokens: maxPromptTokens,
    newTokens: Math.max(1, maxNewTokens),
    numPrompts: sequences > 0 ? sequences : undefined,
    capacity: {
      ram,
      device: Math.min(
        budgets.maxDeviceBytes ?? Number.POSITIVE_INFINITY,
        hostVisible ? ram : usableDeviceBytes(memoryBytes),
      ),
      disk: Math.min(budgets.maxDiskBytes ?? Number.POSITIVE_INFINITY, room.diskBytes),
    },
  }
}

/** What a run asks of the planner, whoever has chosen its policy. */
export async function planRequestOf(
  subject: RunSubject,
  profile: PlanRequest['hardware'],
): Promise<Omit<PlanRequest, 'costModel'>> {
  const { hardwareForBackend, hardwareWithoutHost } = await import('@flexgen/planner')
  const { model, backend, host, room } = subject
  const hardware = hardwareForBackend(profile, backend.name, backend.device.hostVisible)
  return {
    model,
    hardware: backend.device.hostVisible || host !== undefined ? hardware : hardwareWithoutHost(hardware),
    ...sizesOf(subject),
    directIo: subject.directIo,
    freeRamBytes: room.ramBytes,
    layout: {
      backend,
      host,
      weights: subject.weights,
      dtype: subject.dtype,
      logits: subject.workload?.logits,
      pagePositions: subject.pagePositions,
    },
  }
}

/** What may be planned for of the memory that is free. */
export function usableRamBytes(freeBytes: number): number {
  return Math.max(0, Math.floor(freeBytes * (1 - spareRamShare) - spareRamBytes))
}

/** What may be planned for of a card: the rest is for the driver, the libraries on it, and other processes. */
export function usableDeviceBytes(memoryBytes: number): number {
  return Math.max(0, Math.floor(memoryBytes * (1 - spareDeviceShare) - spareDeviceBytes))
}

/** What changes the graphs of a run. */
export function layoutParts(policy: {
  readonly sepLayer?: boolean
  readonly attentionSparsity?: number
}): Pick<LayoutsOptions, 'sepLayer' | 'attentionSparsity'> {
  return { sepLayer: policy.sepLayer, attentionSparsity: policy.attentionSparsity }
}

/** A model of so many bytes at 4 bytes a weight is not worth a search; with all else it must be this small a share of RAM. */
const smallModelBytes = 256e6
const smallShare = 0.25
const smallBatch = 32

/** Everything on the device, for models that are small in every way; undefined for others. */
function smallPolicy(
  { model }: RunSubject,
  { numPrompts, promptTokens, newTokens, capacity }: RunSizes,
  fixed: PolicyOptions,
): Policy | undefined {
  const weightBytes = 4 * model.facts.parameters
  const isLarge = numPrompts === undefined || weightBytes > smallModelBytes
  if (isLarge || fixed.percent !== undefined) return undefined
  const gpuBatchSize = fixed.gpuBatchSize ?? Math.min(numPrompts, smallBatch)
  const sequences = Math.min(numPrompts, gpuBatchSize * (fixed.numGpuBatches ?? 1))
  const cacheBytes = 8 * model.facts.decoderLayers * model.kvHeads * model.headDim * (promptTokens + newTokens)
  // Scores, hidden states and logits of a prompt, generously.
  const workBytes = 4 * promptTokens * (promptTokens * model.facts.heads + 32 * model.hiddenSize)
  const neededBytes = 3 * weightBytes + sequences * (cacheBytes + workBytes + 4 * model.vocabularySize)
  const room = Math.min(capacity.ram, capacity.device)
  return neededBytes <= smallShare * room ? createPolicy({ ...fixed, gpuBatchSize }) : undefined
}

/** An error that names the budgets it comes from, by their flags. */
function naming(error: FlexgenError, { budgets }: RunSubject): FlexgenError {
  const given = [
    ['--max-ram', budgets.maxRamBytes],
    ['--max-device-memory', budgets.maxDeviceBytes],
    ['--max-disk', budgets.maxDiskBytes],
  ].flatMap(([flag, bytes]) => (bytes === undefined ? [] : [`${flag} allows ${(Number(bytes) * 1e-6).toFixed(0)} MB`]))
  if (given.length === 0) return error
  return new InfeasibleError(`${error.message} (${given.join(', ')})`, { hint: error.hint, cause: error })
}

function describe(policy: Policy): string {
  const { weights, cache, activations, gpuBatchSize, numGpuBatches, hostAttentionPercent } = policy
  const percent = [weights, cache, activations].flatMap(({ device, ram }) => [device, ram])
  const onHost =
    hostAttentionPercent > 0 ? `, ${hostAttentionPercent} % of the KV off the device attended on the host` : ''
  return `policy auto: --percent ${percent.join(' ')}, ${numGpuBatches} x ${gpuBatchSize} sequences${onHost}`
}
