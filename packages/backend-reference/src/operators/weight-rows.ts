/** Reads rows of a weight matrix as float32, whatever its dtype; the values last until the next call. */
export interface WeightRows {
  readonly rowCount: number
  readonly width: number
  read(first: number, count: number): Float32Array
}
