import { type NodeOf, type OperatorName, UsageError } from '@flexgen/spec'
import { attention } from './attention.ts'
import type { GraphRun } from './graph-run.ts'

/** Computes the outputs of a node from the values of the run. */
type Compute<Name extends OperatorName> = (node: NodeOf<Name>, run: GraphRun) => Float32Array[]

/** Every operator that the toy has: what OPT needs. */
export const operators: { readonly [Name in OperatorName]?: Compute<Name> } = {
  Gather({ inputs: [table, indices], attributes: { indexOffset } }, run) {
    const [values, width] = [run.floats(table!), run.width(table!)]
    const ids = run.ints(indices!)
    const y = new Float32Array(ids.length * width)
    for (const [at, id] of ids.entries()) {
      const from = (id + indexOffset) * width
      if (from < 0 || from >= values.length) throw new UsageError(`Gather: ${id} is outside the table`)
      y.set(values.subarray(from, from + width), at * width)
    }
    return [y]
  },

  Linear({ inputs: [x, weight, bias], attributes: { transposed } }, run) {
    const [values, w] = [run.floats(x!), run.floats(weight!)]
    const inner = run.width(x!)
    const [out, rows] = [w.length / inner, values.length / inner]
    const b = bias === undefined ? undefined : run.floats(bias)
    // The weight of output o and input i lies at o * outStep + i * innerStep.
    const [outStep, innerStep] = transposed ? [inner, 1] : [1, out]
    const y = new Float32Array(rows * out)
    for (let row = 0; row < rows; row++) {
      for (let o = 0; o < out; o++) {
        let sum = 0
        for (let i = 0; i < inner; i++) sum += values[row * inner + i]! * w[o * outStep + i * innerStep]!
        y[row * out + o] = sum + (b?.[o] ?? 0)
      }
    }
    return [y]
  },

  Add({ inputs: [a, b] }, run) {
    const other = run.floats(b!)
    return [run.floats(a!).map((value, i) => value + other[i]!)]
  },

  LayerNormalization({ inputs: [x, scale, bias], attributes: { epsilon } }, run) {
    const [values, s, b] = [run.floats(x!), run.floats(scale!), run.floats(bias!)]
    const width = s.length
    const y = new Float32Array(values.length)
    for (let from = 0; from < values.length; from += width) {
      const row = values.subarray(from, from + width)
      const mean = row.reduce((sum, value) => sum + value, 0) / width
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width
      for (let i = 0; i < width; i++) y[from + i] = ((row[i]! - mean) / Math.sqrt(variance + epsilon)) * s[i]! + b[i]!
    }
    return [y]
  },

  Relu({ inputs: [x] }, run) {
    return [run.floats(x!).map((value) => Math.max(value, 0))]
  },

  Split({ inputs: [x], attributes: { sizes } }, run) {
    const [values, width] = [run.floats(x!), run.width(x!)]
    let first = 0
    return sizes.map((size) => {
      const from = first
      first += size
      const y = new Float32Array((values.length / width) * size)
      for (let row = 0; row * width < values.length; row++)
        y.set(values.subarray(row * width + from, row * width + from + size), row * size)
      return y
    })
  },

  LastPosition({ inputs: [x] }, run) {
    const [values, width] = [run.floats(x!), run.width(x!)]
    const y = new Float32Array(run.batch * width)
    for (const { row, count } of run.rows()) {
      if (count < 1) throw new UsageError(`LastPosition: row ${row} brings no token`)
      const from = (row * run.seq + count - 1) * width
      y.set(values.subarray(from, from + width), row * width)
    }
    return [y]
  },

  Attention: attention,
}
