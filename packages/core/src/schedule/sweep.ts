/** A sequence that lives in this sweep. */
export interface LiveRow {
  /** Index of the sequence in its block. */
  readonly id: number
  /** Tokens that this sweep brings: the prompt in prefill, one in decode. */
  readonly newTokens: number
  /** Positions already cached. */
  readonly cachedPositions: number
}

/** The tasks of a sweep (FlexGen's, flex_opt.py; paper algorithm 1). */
export type TaskName = 'loadWeight' | 'loadCache' | 'loadHidden' | 'compute' | 'storeHidden' | 'storeCache' | 'sample'

/**
 * One step: a task for one layer and GPU batch. The `loadWeight` of a batch is a share of the layer's weights (FlexGen's
 * load_weight(i, j, k)). A layer whose attention runs elsewhere has two `compute` steps a batch: `start` up to and with
 * attention, `end` what comes after.
 */
export interface Step {
  readonly task: TaskName
  readonly layer: number
  readonly batch: number
  readonly part?: 'start' | 'end'
}

/** What a sweep is generated for. */
export interface SweepShape {
  /** Schedule layers `[firstLayer, endLayer)`. */
  readonly firstLayer: number
  readonly endLayer: number
  readonly batches: number
  /** Whether a layer has a KV cache. */
  readonly hasCache: (layer: number) => boolean
  /** Whether a layer's attention runs elsewhere, beside the next batch's `start`. */
  readonly isSplit: (layer: number) => boolean
  /** Whether the weights of a layer are there beside those of the layer before; asked as its turn comes. */
  readonly isReady: (layer: number) => boolean
  /** Layers whose weights are asked for ahead of the one that computes; 0 asks for a layer's as its turn comes. */
  readonly lookAhead: number
  /** Weights of the first `lookAhead` layers have been asked for by the sweep before. */
  readonly startsWarm: boolean
  /** Another sweep follows: ask for the weights of its first layers at the end of this one. */
  readonly continues: boolean
}

/** Rows of the GPU batches of a sweep: in order, at most `gpuBatchSize` each. */
export function cutBatches<Row>(rows: readonly Row[], gpuBatchSize: number): Row[][] {
  return Array.from({ length: Math.ceil(rows.length / gpuBatchSize) }, (_, k) =>
    rows.slice(k * gpuBatchSize, (k + 1) * gpuBatchSize),
  )
}

/** A batch that has started in a split layer and not ended. */
interface Started {
  readonly layer: number
  readonly batch: number
}

/**
 * The zig-zag block schedule for one token of every live row: layer by layer, and within a layer batch by batch,
 * so that all batches share each loaded weight (paper section 3.2). Pure: knows no bytes and no time. Loads come
 * before the computation that needs them, by `lookAhead` layers for weights, a share with each batch, and by one batch for
 * cache and hidden; stores come one batch after. Of a split layer each batch ends after the next one has started, so that attention
 * elsewhere runs beside the dense part of the next batch; the last batch after the first one of the next layer, so that
 * attention elsewhere does not pause between layers.
 */
export function* sweep(shape: SweepShape): Generator<Step, void, void> {
  const { firstLayer, endLayer, batches, lookAhead } = shape
  if (batches === 0 || endLayer <= firstLayer) return
  const ahead = Math.min(lookAhead, endLayer - firstLayer)
  if (!shape.startsWarm) for (let j = 0; j < ahead; j++) yield* wholeLoad(firstLayer + j, batches)
  yield* loads(shape, firstLayer, 0)
  let started: Started | undefined
  for (let layer = firstLayer; layer < endLayer; layer++) {
    for (let batch = 0; batch < batches; batch++) {
      if (ahead === 0) {
        if (batch === 0) yield* wholeLoad(layer, batches)
      } else if (layer + ahead < endLayer) yield step('loadWeight', layer + ahead, batch)
      else if (shape.continues) yield step('loadWeight', firstLayer + layer + ahead - endLayer, batch)
      const next = batch + 1 < batches ? { layer, batch: batch + 1 } : { layer: layer + 1, batch: 0 }
      const hasNext = next.layer < endLayer
      // Where the next hidden state is an output that is still to come, it is loaded after this computation.
      const loadsEarly = hasNext && batches > 1 && started?.batch !== next.batch
      if (loadsEarly) yield* loads(shape, next.layer, next.batch)
      if (shape.isSplit(layer)) {
        yield { ...step('compute', layer, batch), part: 'start' }
        if (shape.hasCache(layer)) yield step('storeCache', layer, batch)
        if (started !== undefined) yield* endOf(shape, started)
        started = { layer, batch }
        const goesOn = batch < batches - 1 || (batches > 1 && mayStartBeside(shape, next.layer))
        if (!goesOn) {
          yield* endOf(shape, started)
          started = undefined
        }
      } else {
        yield step('compute', layer, batch)
        yield step(layer === endLayer - 1 ? 'sample' : 'storeHidden', layer, batch)
        if (shape.hasCache(layer)) yield step('storeCache', layer, batch)
      }
      if (hasNext && !loadsEarly) yield* loads(shape, next.layer, next.batch)
    }
  }
}

/** Whether a layer may start while the last batch of the layer before has not ended there. */
function mayStartBeside({ isSplit, isReady, endLayer }: SweepShape, layer: number): boolean {
  return layer < endLayer && isSplit(layer) && isReady(layer)
}

function* endOf({ endLayer }: SweepShape, { layer, batch }: Started): Generator<Step, void, void> {
  yield { ...step('compute', layer, batch), part: 'end' }
  yield step(layer === endLayer - 1 ? 'sample' : 'storeHidden', layer, batch)
}

/** All shares of a layer's weights at once. */
function* wholeLoad(layer: number, batches: number): Generator<Step, void, void> {
  for (let batch = 0; batch < batches; batch++) yield step('loadWeight', layer, batch)
}

function* loads(shape: SweepShape, layer: number, batch: number): Generator<Step, void, void> {
  if (layer > shape.firstLayer) yield step('loadHidden', layer, batch)
  if (shape.hasCache(layer)) yield step('loadCache', layer, batch)
}

function step(task: TaskName, layer: number, batch: number): Step {
  return { task, layer, batch }
}
