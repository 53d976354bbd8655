import { dtypeBytes, type Binding, type Queue, type QueueEvent, type Span, spanOf } from '@flexgen/spec'
import { ActivationPool, activationWidths, type Activations } from './activation-pool.ts'
import type { BatchState } from './batch-state.ts'
import type { BlockPlan } from './block-plan.ts'
import type { AttentionPlace } from './cache-lane.ts'
import type { LoadedRow } from './cache-store.ts'
import type { HeldBuffers, MirroredBuffer } from './held-buffers.ts'
import type { HiddenSlot, HiddenStore } from './hidden-store.ts'
import { type BoundKernel, freeBinding, gathersRows, type LayerRuntime, type StageRuntime } from './layer-runtime.ts'
import type { LoadedParts } from './loaded-parts.ts'
import type { RunResources } from './run-resources.ts'
import type { LoadedLayer } from './weight-loader.ts'

/** What stages run with. */
export interface StageRunnerOptions {
  readonly parts: LoadedParts
  readonly plan: BlockPlan
  readonly run: RunResources
  readonly hidden: HiddenStore
  /** Gets the buffers between stages. */
  readonly buffers: HeldBuffers
}

/** Rows of a batch that stand together and are attended in one place. */
interface RowRun {
  readonly place: AttentionPlace
  readonly firstRow: number
  readonly rows: readonly LoadedRow[]
}

/** Rows `[firstRow, firstRow + rows)` of a batch, as one side of a mirrored buffer shows them. */
interface RowRange {
  readonly firstRow: number
  readonly rows: number
  readonly side: keyof MirroredBuffer
}

/** Binds and queues the runs of a layer for one batch: the whole layer, or its parts where the host attends. */
export class StageRunner {
  readonly #options: StageRunnerOptions
  readonly #activations: ActivationPool
  readonly #widths: ReadonlyMap<string, number>

  constructor(options: StageRunnerOptions) {
    const { parts, plan, buffers } = options
    this.#options = options
    this.#widths = activationWidths(parts.runtimes)
    const largestBatch = plan.hiddenHomes.reduce((most, homes) => Math.max(most, homes.length), 0)
    const tokens = largestBatch * plan.shape.maxPromptTokens
    this.#activations = new ActivationPool(buffers, this.#widths, tokens, parts.computeDtype)
  }

  /** Bytes of a hidden row at this sweep's sequence length. */
  rowBytes({ seq }: BatchState): number {
    const { hiddenRowBytes, shape } = this.#options.plan
    return seq * (hiddenRowBytes / shape.maxPromptTokens)
  }

  /** Runs a layer of one stage. */
  whole(runtime: LayerRuntime, state: BatchState, batch: number, weights: LoadedLayer): void {
    const { run, hidden } = this.#options
    const stage = runtime.stages[0]!
    const slot = freeBinding(stage)
    this.#bindDense(runtime, stage, state, weights, slot.binding)
    const input = stage.hiddenInput === undefined ? undefined : hidden.take(batch)
    if (input !== undefined) this.#bindHidden(stage, state, input, slot.binding)
    if (stage.cache !== undefined) {
      const { rows, lanes } = state.cache!
      waitForAll(run.queues.compute, lanes.device.ready)
      slot.binding.setCache(
        stage.cache,
        rows.map(({ row }) => row),
      )
    }
    this.#bindOutput(runtime, stage, state, slot.binding)
    this.#queueRun(stage, slot, state)
    state.attended = { device: state.computed! }
    if (input !== undefined) hidden.release(input, state.computed!)
  }

  /** Runs what comes before attention, and attention in its places. */
  start(runtime: LayerRuntime, state: BatchState, batch: number, weights: LoadedLayer): void {
    const { run, hidden } = this.#options
    const [before, attend] = runtime.stages as readonly [StageRuntime, StageRuntime]
    const slot = freeBinding(before)
    const input = hidden.take(batch)
    const { item: activations, after } = this.#activations.take()
    this.#bindDense(runtime, before, state, weights, slot.binding)
    this.#bindHidden(before, state, input, slot.binding)
    waitForAll(run.queues.compute, after)
    this.#bindActivations(before.outputs, activations, state, wholeBatch(state), slot.binding)
    this.#queueRun(before, slot, state)
    const projected = state.computed!
    state.attended = {}
    const attended = cutRuns(state.cache!.rows).map((rows) =>
      rows.place === 'device'
        ? this.#attendOnDevice(attend, rows, state, activations)
        : this.#attendOnHost(attend, rows, state, activations, projected),
    )
    state.started = { weights, input, activations, attended }
  }

  /** Runs what comes after attention. */
  end(runtime: LayerRuntime, state: BatchState): void {
    const { run, hidden } = this.#options
    const after = runtime.stages[2]!
    const { weights, input, activations, attended } = state.started!
    const slot = freeBinding(after)
    this.#bindDense(runtime, after, state, weights, slot.binding)
    waitForAll(run.queues.compute, attended)
    this.#bindActivations(after.activationInputs, activations, state, wholeBatch(state), slot.binding)
    this.#bindHidden(after, state, input, slot.binding)
    this.#bindOutput(runtime, after, state, slot.binding)
    this.#queueRun(after, slot, state)
    hidden.release(input, state.computed!)
    this.#activations.release(activations, state.computed!)
    state.started = undefined
  }

  #attendOnDevice(stage: StageRuntime, run: RowRun, state: BatchState, activations: Activations): QueueEvent {
    const { compute } = this.#options.run.queues
    waitForAll(compute, state.cache!.lanes.device.ready)
    const slot = this.#bindAttention(stage, stage, run, 'device', state, activations)
    const attended = compute.run(stage.kernel, slot.binding)
    slot.lastUse = attended
    state.attended.device = attended
    return attended
  }

  #attendOnHost(
    stage: StageRuntime,
    run: RowRun,
    state: BatchState,
    activations: Activations,
    projected: QueueEvent,
  ): QueueEvent {
    const queues = this.#options.run.queues.host!
    const host = stage.host!
    let ready = projected
    queues.out.wait(projected)
    for (const name of stage.activationInputs) {
      ready = this.#activations.move(queues.out, 'out', activations.get(name)!, this.#shape(name, run, state)) ?? ready
    }
    queues.compute.wait(ready)
    waitForAll(queues.compute, state.cache!.lanes.host.ready)
    const slot = this.#bindAttention(stage, host, run, 'host', state, activations)
    let attended = queues.compute.run(host.kernel, slot.binding)
    slot.lastUse = attended
    state.attended.host = attended
    queues.in.wait(attended)
    for (const name of stage.outputs) {
      attended =
        this.#activations.move(queues.in, 'in', activations.get(name)!, this.#shape(name, run, state)) ?? attended
    }
    return attended
  }

  #bindAttention(
    stage: StageRuntime,
    bound: BoundKernel,
    { firstRow, rows }: RowRun,
    side: keyof MirroredBuffer,
    state: BatchState,
    activations: Activations,
  ): ReturnType<typeof freeBinding> {
    const slot = freeBinding(bound)
    const range = { firstRow, rows: rows.length, side }
    this.#bindSystemInputs(stage, state, range, slot.binding)
    this.#bindActivations([...stage.activationInputs, ...stage.outputs], activations, state, range, slot.binding)
    slot.binding.setCache(
      stage.cache!,
      rows.map(({ row }) => row),
    )
    return slot
  }

  #bindDense(
    runtime: LayerRuntime,
    stage: StageRuntime,
    state: BatchState,
    weights: LoadedLayer,
    binding: Binding,
  ): void {
    waitForAll(this.#options.run.queues.compute, weights.ready)
    this.#bindWeights(runtime, stage, weights, state, binding)
    this.#bindSystemInputs(stage, state, wholeBatch(state), binding)
  }

  #bindWeights(
    runtime: LayerRuntime,
    stage: StageRuntime,
    loaded: LoadedLayer,
    state: BatchState,
    binding: Binding,
  ): void {
    const { parts, run } = this.#options
    for (const placed of stage.units) {
      const { spec } = placed.unit
      if (gathersRows(placed)) {
        const { span, rowCount } = state.fetchTableRows(run.queues.compute)
        binding.set(spec.name, span, [rowCount, ...spec.shape.slice(1)])
      } else if (placed.place.tier !== 'device' || stage.prepared === undefined) {
        const span = runtime.residentSpans.get(spec.name) ?? loaded.spans.get(spec.name)
        // Else it lies in the RAM tier, where kernels of a host-visible backend read it.
        binding.set(
          spec.name,
          span ?? spanOf(parts.options.ram.view!(parts.resting.get(placed.unit).blocks[0]!.region!)),
          spec.shape,
        )
      }
    }
  }

  #bindSystemInputs(
    stage: StageRuntime,
    state: BatchState,
    { firstRow, rows, side }: RowRange,
    binding: Binding,
  ): void {
    for (const name of stage.systemInputs) {
      const isPerRow = name === 'lengths'
      const rowBytes = (isPerRow ? 1 : state.seq) * dtypeBytes('int32', 1)
      const span = spanOf(state.inputs[name][side], firstRow * rowBytes, rows * rowBytes)
      binding.set(name, span, isPerRow ? [rows] : [rows, state.seq])
    }
  }

  #bindActivations(
    names: readonly string[],
    activations: Activations,
    state: BatchState,
    range: RowRange,
    binding: Binding,
  ): void {
    for (const name of names) {
      const shape = { ...range, seq: state.seq, width: this.#widths.get(name)! }
      const span: Span = this.#activations.part(activations.get(name)!, range.side, shape)
      binding.set(name, span, [shape.rows, shape.seq, shape.width])
    }
  }

  #bindHidden(stage: StageRuntime, state: BatchState, { item, after }: HiddenSlot, binding: Binding): void {
    if (stage.hiddenInput === undefined) return
    const { hiddenSize } = this.#options.parts.options.model
    waitForAll(this.#options.run.queues.compute, after)
    const span = spanOf(item, 0, state.rows.length * this.rowBytes(state))
    binding.set(stage.hiddenInput, span, [state.rows.length, state.seq, hiddenSize])
  }

  #bindOutput(runtime: LayerRuntime, stage: StageRuntime, state: BatchState, binding: Binding): void {
    const { parts, run, hidden } = this.#options
    if (runtime.index === parts.runtimes.length - 1) {
      state.output = undefined
      for (const { name, span, shape } of state.headOutputs()) binding.set(name, span, shape)
      return
    }
    state.output = hidden.takeOutput()
    waitForAll(run.queues.compute, state.output.after)
    const span = spanOf(state.output.item, 0, state.rows.length * this.rowBytes(state))
    binding.set(stage.outputs[0]!, span, [state.rows.length, state.seq, parts.options.model.hiddenSize])
  }

  #queueRun(stage: StageRuntime, slot: ReturnType<typeof freeBinding>, state: BatchState): void {
    state.computed = this.#options.run.queues.compute.run(stage.kernel, slot.binding)
    slot.lastUse = state.computed
  }

  #shape(name: string, { firstRow, rows }: RowRun, { seq }: BatchState): Parameters<ActivationPool['part']>[2] {
    return { firstRow, rows: rows.length, seq, width: this.#widths.get(name)! }
  }
}

function wholeBatch({ rows }: BatchState): RowRange {
  return { firstRow: 0, rows: rows.length, side: 'device' }
}

/** Neighbours that are attended in one place together. */
function cutRuns(rows: readonly LoadedRow[]): RowRun[] {
  const runs: { place: AttentionPlace; firstRow: number; rows: LoadedRow[] }[] = []
  rows.forEach((row, i) => {
    const last = runs.at(-1)
    if (last?.place === row.place) last.rows.push(row)
    else runs.push({ place: row.place, firstRow: i, rows: [row] })
  })
  return runs
}

function waitForAll(queue: Pick<Queue, 'wait'>, events: readonly QueueEvent[]): void {
  for (const event of events) queue.wait(event)
}
