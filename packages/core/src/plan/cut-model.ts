import type { Backend, DType, Model, Policy, ScheduleLayer, WeightSource } from '@flexgen/spec'
import { chooseComputeDtype } from '../engine/compute-dtype.ts'
import { mergeLayers } from '../graph/merge-layers.ts'
import { placeWeightsLikeFlexgen } from '../placement/place-like-flexgen.ts'
import { placeWeights, type UnitPlacement } from '../placement/place-weights.ts'
import { listWeightUnits, type WeightUnit } from '../placement/weight-unit.ts'

/** A model as a run sees it: layers to compile, and weights to place. */
export interface CutModel {
  readonly layers: readonly ScheduleLayer[]
  readonly units: readonly WeightUnit[]
  /** Where a policy puts each of the units. */
  place(policy: Pick<Policy, 'placement' | 'weights'>): UnitPlacement[]
}

/**
 * Cuts a model into layers, with the head that computes the wanted logits, and its weights into units.
 * @throws {FlexgenError} `CORRUPT_DATA` or `UNSUPPORTED_DATA` where model and checkpoint do not fit
 */
export function cutModel(
  model: Model,
  source: WeightSource,
  { sepLayer, logits }: { readonly sepLayer: boolean; readonly logits?: 'last' | 'all' | undefined },
): CutModel {
  const last = model.layers.at(-1)!
  const head = logits === 'all' ? { ...last, stages: model.headAllPositions } : last
  const schedule = [...model.layers.slice(0, -1), head]
  const layers = mergeLayers(schedule, sepLayer)
  const units = listWeightUnits(layers, source)
  return {
    layers,
    units,
    place: ({ placement, weights }) =>
      placement === 'exact'
        ? placeWeights(units, weights)
        : // FlexGen rounds attention and mlp apart, also where they are merged; the order of units is the same.
          placeWeightsLikeFlexgen(listWeightUnits(schedule, source), weights),
  }
}

/** Dtypes of activations and of KV. @throws what `chooseComputeDtype` throws */
export function chooseDtypes(
  units: readonly WeightUnit[],
  { dtype, compressCache }: { readonly dtype: DType | undefined; readonly compressCache: boolean },
  device: Backend,
  attentionHost: Backend | undefined,
): { readonly computeDtype: DType; readonly cacheDtype: DType } {
  const computeDtype = chooseComputeDtype(units, dtype, attentionHost ? [device, attentionHost] : [device])
  return { computeDtype, cacheDtype: compressCache ? 'q4g64' : computeDtype }
}
