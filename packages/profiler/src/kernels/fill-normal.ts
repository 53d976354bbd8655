import { type DType, type GroupDType, isGroupDType, q4Group } from '@flexgen/spec'

/** What numbers stand for: values between layers, or weights. */
export type NumberKind = 'activation' | 'weight'

/** Those of weights are as OPT begins with them (`init_std`). */
const deviations: Readonly<Record<NumberKind, number>> = { activation: 1, weight: 0.02 }

/** An odd number, so that rows that are repeated from it differ. */
const tileValues = 2 ** 18 + 1
const tileGroups = 2 ** 14 + 1
/** Levels to a deviation in 4 bits: 64 normal values span about 15 / 3.2 deviations. */
const levelsPerDeviation = 3.2

type TiledDType = Exclude<DType, 'int32' | 'uint8'>

const tiles = new Map<string, Uint8Array>()

/**
 * Fills memory with normal numbers, the same every time: activations of deviation 1, weights of 0.02. Integers stay.
 *
 * Numbers of a pattern would make a device look faster than any model finds it: at its power limit it runs the faster the
 * fewer bits change. An H100 multiplied 16384 float16 rows by [4096, 16384] at 795 TFLOP/s where all were ones and at 648
 * where they were normal; a layer of OPT-6.7B over 32 x 512 tokens took 10.94 ms on a pattern and 13.09 ms on normal values.
 */
export function fillNormal(bytes: Uint8Array, dtype: DType, kind: NumberKind): void {
  if (dtype === 'int32' || dtype === 'uint8') return
  const tile = tileOf(dtype, kind)
  for (let at = 0; at < bytes.length; at += tile.length) bytes.set(tile.subarray(0, bytes.length - at), at)
}

function tileOf(dtype: TiledDType, kind: NumberKind): Uint8Array {
  const key = `${dtype} ${kind}`
  const known = tiles.get(key)
  if (known !== undefined) return known
  const made = isGroupDType(dtype) ? groupTile(deviations[kind]) : plainTile(dtype, deviations[kind])
  tiles.set(key, made)
  return made
}

function plainTile(dtype: Exclude<TiledDType, GroupDType>, deviation: number): Uint8Array {
  const draw = createNormal()
  const values = Float32Array.from({ length: tileValues }, () => deviation * draw())
  if (dtype === 'float32') return new Uint8Array(values.buffer)
  const halves = Uint16Array.from(
    new Uint32Array(values.buffer),
    dtype === 'float16' ? cutToFloat16 : (bits) => bits >>> 16,
  )
  return new Uint8Array(halves.buffer)
}

function groupTile(deviation: number): Uint8Array {
  const draw = createNormal()
  const scale = deviation / levelsPerDeviation
  const plain = new Uint32Array(Float32Array.of(scale, -7.5 * scale).buffer)
  const ends = new Uint8Array(Uint16Array.from(plain, cutToFloat16).buffer)
  const level = (): number => Math.max(0, Math.min(15, Math.round(7.5 + levelsPerDeviation * draw())))
  const tile = new Uint8Array(tileGroups * q4Group.bytes)
  for (let at = 0; at < tile.length; at += q4Group.bytes) {
    for (let i = 0; i < q4Group.nibbleBytes; i++) tile[at + i] = level() * 16 + level()
    tile.set(ends, at + q4Group.nibbleBytes)
  }
  return tile
}

/** The float16 pattern next below in size to a float32 one; what is smaller than normal numbers becomes 0. */
function cutToFloat16(bits: number): number {
  const size = ((bits & 0x7fff_ffff) >>> 13) - (112 << 10)
  return ((bits >>> 16) & 0x8000) | (size < 1024 ? 0 : size)
}

/** Draws from the normal distribution: Box and Muller's transform of numbers of Marsaglia's xorshift32 (2003). */
function createNormal(): () => number {
  let state = 0x2545f491
  const uniform = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return ((state >>> 0) + 0.5) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}
