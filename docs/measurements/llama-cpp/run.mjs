// Times node-llama-cpp in a folder where it is installed: node run.mjs BATCH PROMPT_LEN GEN_LEN FILE. Prints one line of JSON.
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const [batch, prompt, gen] = process.argv.slice(2, 5).map(Number)
const llama = await getLlama({ gpu: false, maxThreads: 2, logLevel: LlamaLogLevel.error, build: 'never' })
const model = await llama.loadModel({ modelPath: process.argv[5], useMmap: true })
const context = await model.createContext({
  contextSize: prompt + gen + 8,
  sequences: batch,
  batchSize: 512,
  threads: 2,
})
const sequences = Array.from({ length: batch }, () => context.getSequence())
const marks = []
const start = performance.now()
await Promise.all(
  sequences.map(async (sequence, i) => {
    const tokens = Array.from({ length: prompt }, (_, j) => 4 + ((i * 131 + j * 7919) % 50000))
    let count = 0
    for await (const _ of sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
      marks.push({ count, at: performance.now() })
      if (++count >= gen) break
    }
  }),
)
// Sequences get their first tokens one after the other; decode is what comes after the last of them.
const first = Math.max(...marks.filter(({ count }) => count === 0).map(({ at }) => at))
const last = Math.max(...marks.map(({ at }) => at))
const early = marks.filter(({ at }) => at <= first).length
const seconds = (from, to) => (to - from) / 1000
process.stdout.write(
  `${JSON.stringify({
    batch,
    prefill_s: seconds(start, first),
    decode_s: seconds(first, last),
    decode_tok_s: (batch * gen - early) / seconds(first, last),
    total_tok_s: (batch * gen) / seconds(start, last),
  })}\n`,
)
process.exit(0)
