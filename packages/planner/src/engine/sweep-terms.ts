import { defaultLookAhead } from '@flexgen/core'
import { type LinearForm, linearForm, scaleForm, sumForms } from '../lp/linear-form.ts'
import type { BatchSplit } from '../flexgen/flexgen-problem.ts'
import type { ReadWay } from '../hardware/hardware-profile.ts'
import { blockSequences } from './block-bytes.ts'
import { type EngineProblem, pagePositions } from './engine-problem.ts'
import type { EngineShareName } from './engine-shares.ts'
import { readSpeed } from './page-cache.ts'

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

/**
 * What is handed over for a batch of a layer whose KV is attended beside the device: kernels before, beside and behind the
 * attention, and copies of q, k and v out, of what was attended in, and of the hidden state both ways.
 */
const [stagesBeside, copiesBeside] = [3, 6]
/** Of that, what follows one another where nothing else goes on: both kernels of the device, q, k and v out and what was attended in. */
const [stagesInTurn, copiesInTurn] = [2, 4]

/** Seconds of every resource in one sweep over all layers, and what no resource overlaps. */
export interface SweepTerms {
  readonly resources: Readonly<Record<EngineResource, Form>>
  /**
   * Seconds in which computation waits for the last layer's matrix, the largest by far in small models: it can be
   * loaded no earlier than the ring has room, beside the layers just before it.
   */
  readonly headWait: Form
  /**
   * What two take of each other's time: on a host computing and copying out of the page cache, or reading past it; on a
   * device attention of the host and copies to the device.
   */
  readonly contended: readonly Form[]
  /** On a device: what follows one another in every decoder layer, whatever else goes on. */
  readonly chains: readonly Form[]
  /** Seconds that come on top of the longest resource. */
  readonly fixed: number
  /** Whether everything runs one after the other. */
  readonly isSerial: boolean
}

/** How a candidate streams and attends; each way has forms of its own. */
export interface SweepMode {
  /** Whether KV may be attended on the host. */
  readonly hostAttention: boolean
  /** Whether hidden states stay on the device between layers. */
  readonly hiddenOnDevice: boolean
  /** How the disk is read. */
  readonly readWay: ReadWay
}

/** The prefill: all prompt tokens of all sequences. */
export function prefillTerms(engine: EngineProblem, split: BatchSplit, mode: SweepMode): SweepTerms {
  const { promptTokens } = engine.problem
  const { block, batch } = blockSequences(engine, split)
  const flops = 4 * promptTokens ** 2 * engine.hiddenSize * block * engine.decoderLayers
  return sweepTerms(engine, split, mode, {
    batch,
    rowsPerSequence: promptTokens,
    cachedPositions: 0,
    newPositions: promptTokens,
    writtenPositions: Math.floor(promptTokens / pagePositions) * pagePositions,
    attention: linearForm({}, engine.device.prefillAttention(promptTokens, flops)),
    hostAttention: linearForm({}),
  })
}

/**
 * Whether the batches of a split decode together, as core merges those of which nothing moves; that no KV is streamed is
 * for the layout to say.
 */
export function canMerge(engine: EngineProblem, split: BatchSplit, mode: SweepMode): boolean {
  const { block, batch } = blockSequences(engine, split)
  const stays = engine.isHost || mode.hiddenOnDevice
  return !mode.hostAttention && stays && Math.ceil(block / batch) <= engine.problem.promptTokens
}

/** A decode step of average length, with batches apart or merged into one. */
export function decodeTerms(engine: EngineProblem, split: BatchSplit, mode: SweepMode, isMerged: boolean): SweepTerms {
  const { promptTokens, newTokens } = engine.problem
  const positions = promptTokens + newTokens / 2
  const { block, batch: apart } = blockSequences(engine, split)
  const batch = isMerged ? block : apart
  const rows = block * engine.decoderLayers
  const wideBytes = rows * engine.widePositionBytes * positions
  const onDevice = engine.device.decodeAttention(batch, wideBytes) + rows * engine.device.attentionRowSeconds
  const onHost =
    engine.host === undefined
      ? 0
      : engine.host.decodeAttention(batch, wideBytes) + rows * engine.host.attentionRowSeconds
  return sweepTerms(engine, split, mode, {
    batch,
    rowsPerSequence: 1,
    cachedPositions: positions,
    newPositions: 1,
    writtenPositions: 1,
    attention: linearForm({ cd: onDevice, cr: onDevice, cn: onDevice, x: -onDevice }),
    hostAttention: linearForm({ x: mode.hostAttention ? onHost : 0 }),
  })
}

interface PhaseWork {
  /** Sequences of a run. */
  readonly batch: number
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
  const { block: sequences } = blockSequences(engine, split)
  const rows = sequences * decoderLayers
  const toDevice = bytesPerSecond(engine, 'hostToDevice')
  const toRam = bytesPerSecond(engine, 'deviceToHost')
  const cached = (rows * work.cachedPositions * positionBytes) / toDevice
  const copies = rows * costs.transferSeconds
  const stored = (rows * work.newPositions * positionBytes) / toRam
  const width = engine.widePositionBytes / (2 * hiddenSize)
  const hidden = mode.hiddenOnDevice
    ? 0
    : weights.scheduleLayers * sequences * work.rowsPerSequence * hiddenSize * width
  const streamed = weights.matrixBytes / toDevice
  const fromDisk = weights.matrixBytes - weights.tableBytes
  const diskRead = readSpeed(engine, mode.readWay)
  const fullPages = Math.max(0, work.cachedPositions - pagePositions / 2)
  const loads = linearForm<EngineShareName>({
    wr: isHost ? 0 : weights.headBytes / toDevice,
    wn: Math.max(weights.headBytes / diskRead, isHost ? 0 : weights.headBytes / toDevice),
  })
  const batches = Math.ceil(sequences / work.batch)
  const values = sequences * work.rowsPerSequence * hiddenSize * decoderLayers
  const dense = sumForms([
    denseForm(engine, sequences, work),
    linearForm({}, values * engine.device.elementwiseSeconds),
  ])
  const deviceCompute = sumForms([dense, work.attention])
  const { stageSeconds } = engine.device
  const isBeside = mode.hostAttention && !isHost
  const stepSeconds = isBeside ? stagesBeside * stageSeconds + copiesBeside * costs.transferSeconds : stageSeconds
  const others = weights.scheduleLayers - decoderLayers
  // Layers that hold an mlp, or a table, alone are one kernel, and the way of the hidden states.
  const copiedSeconds = isBeside && !mode.hiddenOnDevice ? 2 * costs.transferSeconds : 0
  const issue = batches * (decoderLayers * stepSeconds + others * (stageSeconds + copiedSeconds))
  const onDisk: [name: EngineShareName, bytes: number][] = [
    ['wn', fromDisk],
    ['cn', rows * fullPages * positionBytes],
  ]
  const reading = (bytesPerSecond: number): Form =>
    linearForm(Object.fromEntries(onDisk.map(([name, bytes]) => [name, bytes / bytesPerSecond])))
  // On a host a call costs its time where the kernels run; a device takes the next one meanwhile.
  const computing = isHost ? sumForms([deviceCompute, linearForm({}, issue)]) : deviceCompute
  const none = linearForm<EngineShareName>({})
  const kv = cached + copies
  const loadedCache = linearForm<EngineShareName>(isHost ? {} : { cr: kv, cn: kv, x: -kv })
  const ramToDevice = isHost
    ? none
    : sumForms([linearForm({ wr: streamed, wn: streamed }, hidden / toDevice), loadedCache])
  const storedCache = linearForm<EngineShareName>(isHost ? {} : { cr: stored, cn: stored })
  // Layers of mlp alone: whoever attends, or moves KV, rests meanwhile.
  const apart = scaleForm(dense, weights.apartShare)
  // Of one batch nothing is attended yet before its projections, or any more behind them; with several, whole layers start
  // before the one before has ended, and layers with an mlp between them do not. What is handed over there is waited for, too, as a card
  // has it: one batch of 24 of OPT-30B took 48 ms a step on an H100, 7 of them attention on the host, and 33 to 36 ms without it.
  const pauses = batches === 1 || weights.apartShare > 0
  const ends = scaleForm(dense, pauses ? (1 - weights.apartShare) / batches : 0)
  const turnSeconds = stagesInTurn * stageSeconds + copiesInTurn * costs.transferSeconds
  const waitedSeconds = decoderLayers * turnSeconds + (weights.apartShare > 0 ? others * stageSeconds : 0)
  // Prompts, which find nothing cached, are attended on the device.
  const attendsBeside = isBeside && work.cachedPositions > 0
  const handedOver = linearForm<EngineShareName>({}, attendsBeside && pauses ? waitedSeconds : 0)
  return {
    resources: {
      ramToDevice,
      deviceToRam: isHost ? none : sumForms([storedCache, linearForm({}, hidden / toRam)]),
      diskRead: reading(diskRead),
      diskWrite: linearForm({
        cn: (rows * work.writtenPositions * positionBytes) / links.diskWrite.buffered.bytesPerSecond,
      }),
      deviceCompute: computing,
      hostAttention: work.hostAttention,
      issue: linearForm({}, isHost ? 0 : issue),
    },
    headWait: sumForms([scaleForm(computing, Math.max(0, 1 - defaultLookAhead / weights.scheduleLayers)), loads]),
    contended: isHost
      ? contendedReads(engine, mode.readWay, computing, reading)
      : contendedCopies(engine, work.hostAttention, ramToDevice),
    chains: isHost
      ? []
      : [
          sumForms([work.hostAttention, apart, ends, handedOver]),
          sumForms([loadedCache, apart]),
          sumForms([storedCache, apart]),
          // There is no other batch to compute while the hidden states of one are on their way.
          ...(batches === 1 ? [sumForms([deviceCompute, linearForm({}, hidden / toRam + hidden / toDevice)])] : []),
        ],
    fixed: costs.sweepSeconds,
    isSerial: !engine.problem.overlap,
  }
}

/**
 * Two activities that leave each other shares of their speeds, both at full use of the machine: neither mix of one with
 * the two together, and of the other with them, goes faster.
 */
function contendedForms(one: Form, oneShare: number, other: Form, otherShare: number): Form[] {
  const [a, b] = [Math.min(1, oneShare), Math.min(1, otherShare)]
  return [
    sumForms([one, scaleForm(other, Math.min(1, (1 - a) / b))]),
    sumForms([other, scaleForm(one, Math.min(1, (1 - b) / a))]),
  ]
}

/** Attention of the host, which reads RAM, beside copies to the device. */
function contendedCopies({ hardware }: EngineProblem, hostAttention: Form, copies: Form): Form[] {
  const { links, shared } = hardware
  const both = shared?.find(({ links: names }) => names.includes('hostToDevice') && names.includes('ramRead'))
  if (both === undefined) return []
  const shareOf = (link: 'hostToDevice' | 'ramRead', alone: number): number =>
    both.bytesPerSecond[both.links.indexOf(link)]! / alone
  const toDevice = (links.hostToDevice?.pinned ?? links.ramRead).bytesPerSecond
  const readShare = shareOf('ramRead', links.ramRead.bytesPerSecond)
  return contendedForms(hostAttention, readShare, copies, shareOf('hostToDevice', toDevice))
}

/**
 * Computing of a host beside its reads. What comes off a slow disk through the page cache is copied there as fast as what
 * lies in it.
 */
function contendedReads(
  engine: EngineProblem,
  way: ReadWay,
  computing: Form,
  reading: (bytesPerSecond: number) => Form,
): Form[] {
  const { besideReads, links } = engine.hardware
  const beside = besideReads?.[way === 'direct' ? 'direct' : 'cached']
  if (beside === undefined) return []
  const copySpeed = way === 'direct' ? links.diskRead.direct.bytesPerSecond : readSpeed(engine, 'cached')
  const copying = reading(copySpeed)
  return contendedForms(computing, beside.compute, copying, beside.read)
}

/** Products: weights that the kernels hold, and weights that they are given. The head sees the last position only. */
function denseForm(engine: EngineProblem, block: number, { batch, rowsPerSequence }: PhaseWork): Form {
  const { device, weights, compressWeight } = engine
  const last = block % batch
  const batches = [...(Math.floor(block / batch) > 0 ? [[Math.floor(block / batch), batch]] : []), [1, last]]
  const seconds = (form: 'prepared' | 'bound'): number => {
    const used = compressWeight ? 'q4' : form
    return batches.reduce((sum, [count = 0, rows = 0]) => {
      if (rows === 0) return sum
      const body = device.matmul(used, rows * rowsPerSequence, weights.bodyParameters, weights.dtype)
      return sum + count * (body + device.matmul(used, rows, weights.headParameters, weights.dtype))
    }, 0)
  }
  const bound = Math.max(seconds('bound'), seconds('prepared'))
  return linearForm({ wd: seconds('prepared'), wr: bound, wn: bound })
}

function bytesPerSecond({ hardware }: EngineProblem, link: 'hostToDevice' | 'deviceToHost'): number {
  const { links } = hardware
  return (links[link]?.pinned ?? links.ramRead).bytesPerSecond
}
