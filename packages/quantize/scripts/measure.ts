// Speed of the codec in GB of float16 bytes a second (2 bytes a value, whatever the dtype), best of many runs:
//   node --conditions=@flexgen/source packages/quantize/scripts/measure.ts
import { cpus } from 'node:os'
import {
  dequantizeColumns,
  dequantizeRows,
  quantizeColumns,
  quantizedColumnsBytes,
  quantizedRowsBytes,
  quantizeRows,
  repackForMatMulNBits,
} from '../src/index.ts'

const rows = 128
const repetitions = Number(process.argv[2] ?? 500)

/** Values of about the spread of a weight, from a fixed seed. */
function weights(count: number): Float32Array {
  let seed = 1
  const uniform = (): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
  return Float32Array.from(
    { length: count },
    () => 0.02 * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  )
}

function measure(name: string, values: number, run: () => void): void {
  let bestMs = Number.POSITIVE_INFINITY
  for (let i = 0; i < repetitions; i++) {
    const startedAt = performance.now()
    run()
    bestMs = Math.min(bestMs, performance.now() - startedAt)
  }
  const nsPerValue = (bestMs * 1e6) / values
  console.log(`${name.padEnd(40)} ${(2 / nsPerValue).toFixed(2)} GB/s   ${nsPerValue.toFixed(2)} ns a value`)
}

/** Every function on a matrix that many columns wide. */
function measureAll(width: number): void {
  const values = rows * width
  const floats = weights(values)
  const halves = new Uint16Array(values)
  const bytes = new Uint8Array(quantizedRowsBytes(rows, width))
  const columnBytes = new Uint8Array(quantizedColumnsBytes(rows, width))
  const bfloats = Uint16Array.from(new Uint32Array(floats.buffer), (bits) => bits >>> 16)
  // The codec makes the float16 weights: 4-bit values would have 16 patterns a group, so noise is added to them.
  quantizeRows('float32', floats, width, bytes)
  dequantizeRows(bytes, width, halves)
  for (let i = 0; i < values; i++) halves[i]! += i % 7
  const blocks = bytes.length / 36
  const repacked = {
    packed: new Uint8Array(blocks * 32),
    scales: new Float32Array(blocks),
    offsets: new Float32Array(blocks),
  }
  console.log(`[${rows}, ${width}]`)
  measure('quantizeRows float16', values, () => quantizeRows('float16', halves, width, bytes))
  measure('quantizeRows bfloat16', values, () => quantizeRows('bfloat16', bfloats, width, bytes))
  measure('quantizeRows float32', values, () => quantizeRows('float32', floats, width, bytes))
  measure('quantizeColumns float16', values, () => quantizeColumns('float16', halves, width, columnBytes))
  measure('quantizeColumns float32', values, () => quantizeColumns('float32', floats, width, columnBytes))
  measure('dequantizeRows float16', values, () => dequantizeRows(bytes, width, halves))
  measure('dequantizeRows float32', values, () => dequantizeRows(bytes, width, floats))
  measure('dequantizeColumns float16', values, () => dequantizeColumns(columnBytes, width, halves))
  measure('dequantizeColumns float32', values, () => dequantizeColumns(columnBytes, width, floats))
  measure('repackForMatMulNBits', values, () => repackForMatMulNBits(bytes, width, repacked))
}

console.log(`${cpus()[0]?.model}, node ${process.version}, best of ${repetitions}`)
measureAll(4096)
measureAll(80)
