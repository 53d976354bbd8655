const bits = new Uint32Array(1)
const value = new Float32Array(bits.buffer)

/** Beyond this share of all logits sorting them all is faster than keeping a heap of the best. */
const heapShare = 1 / 16

/**
 * Ids of the `count` largest logits, descending, equals by id. Each logit becomes one number that sorts that way (order
 * of its bits, then the id), since sorting numbers of a typed array takes a tenth of sorting ids by a comparison: 50,272
 * logits take some ms, and some tens of microseconds where few are wanted.
 */
export function largestLogits(logits: Float32Array, count: number): number[] {
  const keys = count < logits.length * heapShare ? smallestKeys(logits, count) : allKeys(logits)
  return Array.from(keys.sort().subarray(0, count), (key) => key % idSpan)
}

/** More than any vocabulary has; 32 bits of the logit and 20 of the id fit in the 53 that a number holds exactly. */
const idSpan = 2 ** 20

/** Smaller for larger logits; of equal logits smaller for smaller ids. */
function keyOf(logit: number, id: number): number {
  // Minus zero and zero are equal.
  value[0] = logit + 0
  const order = bits[0]! >= 0x8000_0000 ? bits[0]! : 0x7fff_ffff - bits[0]!
  return order * idSpan + id
}

function allKeys(logits: Float32Array): Float64Array {
  const keys = new Float64Array(logits.length)
  for (let id = 0; id < logits.length; id++) keys[id] = keyOf(logits[id]!, id)
  return keys
}

/** The smallest keys in no order: a heap with the largest of them on top. */
function smallestKeys(logits: Float32Array, count: number): Float64Array {
  const heap = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  if (count === 0) return heap
  for (let id = 0; id < logits.length; id++) {
    const key = keyOf(logits[id]!, id)
    if (key < heap[0]!) sink(heap, key)
  }
  return heap
}

/** Puts a key in the place of the largest. */
function sink(heap: Float64Array, key: number): void {
  let at = 0
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && heap[child + 1]! > heap[child]!) child++
    if (heap[child]! <= key) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = key
}
