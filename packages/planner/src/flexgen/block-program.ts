import { type LinearForm, linearForm, scaleForm, sumForms } from '../lp/linear-form.ts'
import type { LinearProgram, LinearRow } from '../lp/linear-program.ts'
import { type BlockModel, pathForm, peakForm } from './block-model.ts'
import { decodePaths, type LayerTerms, prefillPaths, type ResourcePath } from './layer-terms.ts'

/**
 * The linear program that finds the fastest shares of a batch split; `tpre` and `tgen` are the times of one layer in the
 * prefill and in all decode steps. Times are counted in the seconds that the products alone take, which no policy
 * changes, and bytes in parts of what a tier may hold, so that the solver's absolute tolerances mean the same for
 * every model.
 */
export function blockProgram(model: BlockModel): LinearProgram {
  const unit = floorSeconds(model)
  return {
    minimize: timeForm,
    rows: [
      ...pathRows('pre', model.prefill, prefillPaths, 1 / unit),
      ...pathRows('gen', model.decode, decodePaths, decodeSteps(model) / unit),
      ...shareRows,
      ...memoryRows(model),
    ],
  }
}

const timeForm: LinearForm = linearForm({ tpre: 1, tgen: 1 })

/** The row that holds a block to a time, with room for rounding: what is left then are the policies as fast. */
export function timeRow(model: BlockModel, blockSeconds: number): LinearRow {
  const atMost = (blockSeconds * (1 + 1e-9)) / (model.problem.shape.decoderLayers * floorSeconds(model))
  return { name: 'optimum', form: sumForms([timeForm, linearForm({}, -atMost)]), relation: '<=' }
}

/** Weights, cache and activations are all somewhere; activations on the GPU or in RAM. */
export const shareRows: readonly LinearRow[] = [
  { name: 'weights', form: linearForm({ wg: 1, wc: 1, wn: 1 }, -1), relation: '=' },
  { name: 'cache', form: linearForm({ cg: 1, cc: 1, cn: 1 }, -1), relation: '=' },
  { name: 'activations', form: linearForm({ hg: 1, hc: 1 }, -1), relation: '=' },
]

/** Each path of a phase takes no longer than the phase. */
function pathRows(name: 'pre' | 'gen', terms: LayerTerms, paths: readonly ResourcePath[], factor: number): LinearRow[] {
  return paths.map((path, i) => ({
    name: `${name}${i}`,
    form: sumForms([scaleForm<string>(pathForm(terms, path), factor), linearForm({ [`t${name}`]: -1 })]),
    relation: '<=',
  }))
}

function memoryRows(model: BlockModel): LinearRow[] {
  return model.peaks.map((peak) => {
    const allowed = model.problem.allowedBytes[peak.tier]
    return {
      name: `${peak.tier}_${peak.phase}`,
      form: scaleForm(sumForms<string>([peakForm(peak), linearForm({}, -allowed)]), 1 / (allowed || 2 ** 30)),
      relation: '<=',
    }
  })
}

/** Seconds of one layer's products in the prefill and all decode steps. */
function floorSeconds(model: BlockModel): number {
  return model.prefill.deviceCompute.constant + decodeSteps(model) * model.decode.deviceCompute.constant
}

/** Decode steps; the first token comes from the prefill. */
function decodeSteps({ problem }: BlockModel): number {
  return problem.newTokens - 1
}
