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

/** One step: a task for one layer and GPU batch. A `loadWeight` belongs to the whole layer, its batch is 0. */
export interface Step {
  readonly task: TaskName
  readonly layer: number
  readonly batch: number
}

/** What a sweep is generated for. */
export interface SweepShape {
  /** Schedule layers `[firstLayer, endLayer)`. */
  readonly firstLayer: number
  readonly endLayer: number
  readonly batches: number
  /** Whether a layer has a KV cache. */
  readonly hasCache: (layer: number) => boolean
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

/**
 * The zig-zag block schedule for one token of every live row: layer by layer, and within a layer batch by batch,
 * so that all batches share each loaded weight (paper section 3.2). Pure: knows no bytes and no time. Loads come
 * before the computation that needs them, by `lookAhead` layers for weights and by one batch for cache and hidden;
 * stores come one batch after.
 */
export function* sweep(shape: SweepShape): Generator<Step, void, void> {
  const { firstLayer, endLayer, batches, lookAhead } = shape
  if (batches === 0 || endLayer <= firstLayer) return
  const last = { layer: endLayer - 1, batch: batches - 1 }
  const ahead = Math.min(lookAhead, endLayer - firstLayer)
  if (!shape.startsWarm) for (let j = 0; j < ahead; j++) yield step('loadWeight', firstLayer + j, 0)
  yield* loads(shape, firstLayer, 0)
  for (let layer = firstLayer; layer < endLayer; layer++) {
    for (let batch = 0; batch < batches; batch++) {
      if (batch === 0) {
        if (layer + ahead < endLayer) yield step('loadWeight', layer + ahead, 0)
        else if (shape.continues) yield step('loadWeight', firstLayer + layer + ahead - endLayer, 0)
      }
      const next = batch + 1 < batches ? { layer, batch: batch + 1 } : { layer: layer + 1, batch: 0 }
      // With one batch the next layer's hidden state is this computation's output.
      const loadsNext = next.layer < endLayer && batches > 1
      if (loadsNext) yield* loads(shape, next.layer, next.batch)
      yield step('compute', layer, batch)
      if (layer === last.layer) yield step('sample', layer, batch)
      else yield step('storeHidden', layer, batch)
      if (shape.hasCache(layer)) yield step('storeCache', layer, batch)
      if (!loadsNext && next.layer < endLayer) yield* loads(shape, next.layer, next.batch)
    }
  }
}

function* loads(shape: SweepShape, layer: number, batch: number): Generator<Step, void, void> {
  if (layer > shape.firstLayer) yield step('loadHidden', layer, batch)
  if (shape.hasCache(layer)) yield step('loadCache', layer, batch)
}

function step(task: TaskName, layer: number, batch: number): Step {
  return { task, layer, batch }
}
