// The products in bare TensorFlow.js, with its own interface: matMul of a matrix [in, out], the values read back.
import { timeOf, productCases, values } from './product-cases.ts'
import { restoreRemovedUtilities } from '../src/engine/node-shims.ts'
import type * as core from '@tensorflow/tfjs-core'

const [engine = 'wasm'] = process.argv.slice(2)

async function load(): Promise<typeof core> {
  if (engine === 'node') {
    restoreRemovedUtilities()
    const name = '@tensorflow/tfjs-node'
    return ((await import(name)) as { default: typeof core }).default
  }
  const tf = await import('@tensorflow/tfjs-core')
  await (engine === 'wasm' ? import('@tensorflow/tfjs-backend-wasm') : import('@tensorflow/tfjs-backend-cpu'))
  await tf.setBackend(engine)
  return tf
}

const tf = await load()
const results: number[] = []
for (const { rows, width, stays } of productCases) {
  const [x, w] = [values(rows * width), values(width * width)]
  const resident = tf.tensor2d(w, [width, width])
  results.push(
    await timeOf(engine, () => {
      tf.tidy(() => {
        const matrix = stays ? resident : tf.tensor2d(w, [width, width])
        tf.matMul(tf.tensor2d(x, [rows, width]), matrix).dataSync()
      })
    }),
  )
  resident.dispose()
}
process.stdout.write(`${JSON.stringify(results)}\n`)
