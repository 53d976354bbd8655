/** KV of one sequence, whatever its dtype; a lane is one head of K, or of V behind those of K. */
export interface CacheValues {
  /** Where `locate` finds vectors. */
  readonly values: Float32Array
  /** Where in `values` the vector of a lane at a position starts; it lasts until the next call. */
  locate(lane: number, position: number): number
  /** Stores a vector, rounded to the dtype of the cache. */
  store(lane: number, position: number, vector: Float32Array): void
}
