// What group size 4-bit weights need: held-out perplexity of the demo model with matrices that were quantised and widened
// again, for groups of other sizes than the 64 that the engine has. Prints a Markdown table. The quantiser here is a few
// plain lines; the last line of the output is the codec's, for groups of 64.
//   node --conditions=@flexgen/source apps/bench/scripts/group-size-study.mjs [backend] [windows]
import { chooseWeightForms } from '@flexgen/core'
import { createEngine, openBackend, openModel } from 'flexgen'
import { heldOutTexts } from '../src/quality/held-out-text.ts'
import { scoreWindows } from '../src/quality/score-windows.ts'
import { cutWindows } from '../src/quality/windows.ts'

const [backendName = 'native', mostWindows = 'all'] = process.argv.slice(2)
const windowTokens = 512

const opened = await openModel({ model: 'demo' })
const { backend } = await openBackend(backendName)
const all = [...heldOutTexts().values()].flatMap((text) => {
  const [start, ...ids] = opened.tokenizer.encode(text)
  return cutWindows(ids, start, windowTokens, windowTokens / 2)
})
const windows = mostWindows === 'all' ? all : all.slice(0, Number(mostWindows))
const matrices = [...chooseWeightForms(opened.model).keys()]
const isTable = (name) => name.includes('embed')

const originals = new Map()
for (const name of matrices) {
  const { shape, dtype, byteLength } = opened.weights.tensors.get(name)
  const bytes = new Uint8Array(byteLength)
  await opened.weights.read(name, 0, bytes)
  const values =
    dtype === 'float16' ? Float32Array.from(new Float16Array(bytes.buffer)) : new Float32Array(bytes.buffer)
  originals.set(name, { shape, values })
}

/** Values quantised to 4 bits in groups of `size` along an axis of `[rows, width]`, and widened again. */
function quantized({ shape: [rows, width], values }, size, along) {
  const result = new Float32Array(values.length)
  const [lines, length, step, lineStep] = along === 'inputs' ? [rows, width, 1, width] : [width, rows, width, 1]
  for (let line = 0; line < lines; line++) {
    for (let first = 0; first < length; first += size) {
      const count = Math.min(size, length - first)
      const at = (i) => line * lineStep + (first + i) * step
      // A group that is not whole is padded with zeros.
      let [low, high] = count < size ? [0, 0] : [Infinity, -Infinity]
      for (let i = 0; i < count; i++) {
        low = Math.min(low, values[at(i)])
        high = Math.max(high, values[at(i)])
      }
      const range = high - low
      const scale = Math.f16round(range / 15)
      const least = Math.f16round(low)
      for (let i = 0; i < count; i++) {
        const q = range === 0 ? 0 : Math.round(((values[at(i)] - low) * 15) / range)
        result[at(i)] = least + q * scale
      }
    }
  }
  return result
}

/** The checkpoint with some matrices replaced. */
function replaced(values) {
  const { weights } = opened
  const tensors = new Map(weights.tensors)
  for (const [name, { shape }] of originals) {
    if (values.has(name)) tensors.set(name, { name, shape, dtype: 'float32', byteLength: 4 * shape[0] * shape[1] })
  }
  return {
    ...weights,
    tensors,
    extents: (name, offset, length) => (values.has(name) ? undefined : weights.extents(name, offset, length)),
    read: async (name, offset, target, signal) => {
      const own = values.get(name)
      if (own === undefined) return weights.read(name, offset, target, signal)
      target.set(new Uint8Array(own.buffer, offset, target.byteLength))
    },
  }
}

async function perplexity(weights) {
  const workload = {
    sequences: windows.length,
    maxPromptTokens: windowTokens - 1,
    maxNewTokens: 1,
    logits: 'all',
  }
  const model = { ...opened, weights }
  const engine = await createEngine({ model, backend, dtype: 'float32', policy: { gpuBatchSize: 8 }, workload })
  const { tokens, nats } = await scoreWindows(engine, windows, { decode: false })
  await engine[Symbol.asyncDispose]()
  return { tokens, value: Math.exp(nats / tokens) }
}

const changed = (which, size, along) =>
  replaced(new Map(matrices.filter(which).map((name) => [name, quantized(originals.get(name), size, along)])))

const { tokens, value: base } = await perplexity(opened.weights)
console.log(`${tokens} tokens, float32: ${base.toFixed(3)}\n`)
console.log(
  '| values a group | bits a weight | along outputs, rise % | along inputs, rise % | layers only, outputs | layers only, inputs |',
)
console.log('|---|---|---|---|---|---|')
for (const size of [16, 24, 32, 48, 64, 96, 128]) {
  const cells = []
  for (const which of [() => true, (name) => !isTable(name)]) {
    for (const along of ['outputs', 'inputs']) {
      // Tables whose rows are gathered have groups along their rows in either form.
      const values = new Map(
        matrices
          .filter(which)
          .map((name) => [name, quantized(originals.get(name), size, isTable(name) ? 'inputs' : along)]),
      )
      const { value } = await perplexity(replaced(values))
      cells.push((100 * (value / base - 1)).toFixed(2))
    }
  }
  console.log(`| ${size} | ${(4 + 32 / size).toFixed(2)} | ${cells.join(' | ')} |`)
}
const { value: tablesOnly } = await perplexity(changed(isTable, 64, 'inputs'))
console.log(`\ntables only, groups of 64: rise ${(100 * (tablesOnly / base - 1)).toFixed(2)} %`)
const { compressSource } = await import('@flexgen/checkpoint')
const codec = compressSource(opened.weights, new Map(matrices.map((name) => [name, 'q4g64'])))
const { value: byCodec } = await perplexity(codec)
console.log(`the codec's groups of 64 along inputs: rise ${(100 * (byCodec / base - 1)).toFixed(2)} %`)
await backend[Symbol.asyncDispose]()
