import { type LinearForm, linearForm, sumForms } from '../lp/linear-form.ts'
import type { BatchSplit } from '../flexgen/flexgen-problem.ts'
import { type EngineProblem, pagePositions } from './engine-problem.ts'
import type { EngineShareName } from './engine-shares.ts'
import { lookAhead } from './model-weights.ts'

/** What a sweep keeps busy. */
export const engineResources = [
  'ramToDevice',
  'deviceToRam',
  'diskRead',
  'diskWrite',
  'deviceCompute',
  'hostAttention',
  'issue',
] as const

/** A resource by its name. */
export type EngineResource = (typeof engineResources)[number]

type Form = LinearForm<EngineShareName>

/** Seconds of every resource in one sweep over all layers, and what no resource overlaps. */
export interface SweepTerms {
  readonly resources: Readonly<Record<EngineResource, Form>>
  /**
   * Seconds in which computation waits for the last layer's matrix, the largest by far in small models: it can be
   * loaded no earlier than the ring has room, beside the layers just before it.
   */
  readonly headWait: Form
  /** Seconds that come on top of the longest resource. */
  readonly fixed: number
}

/** How a candidate streams and attends; each way has forms of its own. */
export interface SweepMode {
  /** Whether KV may be attended on the host, beside the link: both are slower then. */
  readonly hostAttention: boolean
  /** Whether hidden states stay on the device between layers. */
  readonly hiddenOnDevice: boolean
}

/** The prefill: all prompt tokens of all sequences. */
export function prefillTerms(engine: EngineProblem, split: BatchSplit, mode: SweepMode): SweepTerms {
  const { promptTokens } = engine.problem
  const { gpuBatchSize, numGpuBatches } = split
  const flops = 4 * promptTokens ** 2 * engine.hiddenSize * gpuBatchSize * engine.decoderLayers
  return sweepTerms(engine, split, mode, {
    rowsPerSequence: promptTokens,
    cachedPositions: 0,
    newPositions: promptTokens,
    writtenPositions: Math.floor(promptTokens / pagePositions) * pagePositions,
    attention: linearForm({}, numGpuBatches * engine.device.prefillAttention(promptTokens, flops)),
    hostAttention: linearForm({}),
  })
}

/** A decode step of average length. */
export function decodeTerms(engine: EngineProblem, split: BatchSplit, mode: SweepMode): SweepTerms {
  const { promptTokens, newTokens } = engine.problem
  const positions = promptTokens + newTokens / 2
  const wideBytes =
    split.gpuBatchSize * split.numGpuBatches * engine.decoderLayers * engine.widePositionBytes * positions
  const onDevice = engine.device.decodeAttention(split.gpuBatchSize, wideBytes)
  const onHost = (engine.host?.decodeAttention(split.gpuBatchSize, wideBytes) ?? 0) * besideCopies(engine, 'ramRead')
  return sweepTerms(engine, split, mode, {
    rowsPerSequence: 1,
    cachedPositions: positions,
    newPositions: 1,
    writtenPositions: 1,
    attention: linearForm({ cd: onDevice, cr: onDevice, cn: onDevice, x: -onDevice }),
    hostAttention: linearForm({ x: mode.hostAttention ? onHost : 0 }),
  })
}

interface PhaseWork {
  readonly rowsPerSequence: number
  /** Positions of KV that are read of every sequence, new ones that are stored, and those that go to disk. */
  readonly cachedPositions: number
  readonly newPositions: number
  readonly writtenPositions: number
  readonly attention: Form
  readonly hostAttention: Form
}

function sweepTerms(engine: EngineProblem, split: BatchSplit, mode: SweepMode, work: PhaseWork): SweepTerms {
  const { weights, hardware, isHost, positionBytes, decoderLayers, hiddenSize } = engine
  const { links, costs } = hardware
  const sequences = split.gpuBatchSize * split.numGpuBatches
  const rows = sequences * decoderLayers
  const toDevice = bytesPerSecond(engine, 'hostToDevice', mode)
  const toRam = bytesPerSecond(engine, 'deviceToHost', mode)
  const cached = (rows * work.cachedPositions * positionBytes) / toDevice
  const copies = rows * costs.transferSeconds
  const stored = (rows * work.newPositions * positionBytes) / toRam
  const width = engine.widePositionBytes / (2 * hiddenSize)
  const hidden = mode.hiddenOnDevice
    ? 0
    : weights.scheduleLayers * sequences * work.rowsPerSequence * hiddenSize * width
  const streamed = weights.matrixBytes / toDevice
  const fromDisk = weights.matrixBytes - weights.tableBytes
  // Files are read through the page cache unless the user asks for direct reads.
  const diskRead = links.diskRead.buffered.bytesPerSecond
  const fullPages = Math.max(0, work.cachedPositions - pagePositions / 2)
  const loads = linearForm<EngineShareName>({
    wr: isHost ? 0 : weights.headBytes / toDevice,
    wn: Math.max(weights.headBytes / diskRead, isHost ? 0 : weights.headBytes / toDevice),
  })
  const deviceCompute = sumForms([denseForm(engine, split, work.rowsPerSequence), work.attention])
  const issue = weights.scheduleLayers * split.numGpuBatches * costs.stageSeconds
  const none = linearForm<EngineShareName>({})
  return {
    resources: {
      ramToDevice: isHost
        ? none
        : linearForm(
            { wr: streamed, wn: streamed, cr: cached + copies, cn: cached + copies, x: -cached - copies },
            hidden / toDevice,
          ),
      deviceToRam: isHost ? none : linearForm({ cr: stored, cn: stored }, hidden / toRam),
      diskRead: linearForm({ wn: fromDisk / diskRead, cn: (rows * fullPages * positionBytes) / diskRead }),
      diskWrite: linearForm({
        cn: (rows * work.writtenPositions * positionBytes) / links.diskWrite.buffered.bytesPerSecond,
      }),
      // On a host a call costs its time where the kernels run; a device takes the next one meanwhile.
      deviceCompute: isHost ? sumForms([deviceCompute, linearForm({}, issue)]) : deviceCompute,
      hostAttention: work.hostAttention,
      issue: linearForm({}, isHost ? 0 : issue),
    },
    headWait: sumForms([scaled(deviceCompute, 1 - lookAhead / weights.scheduleLayers), loads]),
    fixed: costs.sweepSeconds,
  }
}

/** Products: weights that the kernels hold, and weights that they are given. The head sees the last position only. */
function denseForm(engine: EngineProblem, { gpuBatchSize, numGpuBatches }: BatchSplit, rowsPerSequence: number): Form {
  const { device, weights, compressWeight } = engine
  const seconds = (form: 'prepared' | 'bound'): number => {
    const used = compressWeight ? 'q4' : form
    const body = device.matmul(used, gpuBatchSize * rowsPerSequence, weights.bodyParameters)
    return numGpuBatches * (body + device.matmul(used, gpuBatchSize, weights.headParameters))
  }
  const bound = Math.max(seconds('bound'), seconds('prepared'))
  return linearForm({ wd: seconds('prepared'), wr: bound, wn: bound })
}

function bytesPerSecond(engine: EngineProblem, link: 'hostToDevice' | 'deviceToHost', mode: SweepMode): number {
  const { links } = engine.hardware
  const alone = (links[link]?.pinned ?? links.ramRead).bytesPerSecond
  return mode.hostAttention && link === 'hostToDevice' ? alone / besideCopies(engine, 'hostToDevice') : alone
}

/** How many times slower the link to the device, or reading RAM, is while the other is busy too. */
function besideCopies({ hardware }: EngineProblem, link: 'hostToDevice' | 'ramRead'): number {
  const shared = hardware.shared?.find(({ links }) => links.includes('hostToDevice') && links.includes('ramRead'))
  if (shared === undefined) return 1
  const beside = shared.bytesPerSecond[shared.links.indexOf(link)]!
  const alone =
    link === 'ramRead' ? hardware.links.ramRead : (hardware.links.hostToDevice?.pinned ?? hardware.links.ramRead)
  return Math.max(1, alone.bytesPerSecond / beside)
}

function scaled(form: Form, factor: number): Form {
  return {
    constant: form.constant * factor,
    coefficients: Object.fromEntries(Object.entries(form.coefficients).map(([name, value]) => [name, value * factor])),
  }
}
