/** A product that is measured: x `[rows, width]` times a float32 matrix `[width, width]`. */
export interface ProductCase {
  readonly title: string
  readonly rows: number
  readonly width: number
  /** Whether the matrix stays on the engine, or is uploaded for each product. */
  readonly stays: boolean
}

const sizes = [
  [1, 2048],
  [8, 2048],
  [32, 2048],
  [256, 2048],
] as const

/** All products that are measured. */
export const productCases: readonly ProductCase[] = [true, false].flatMap((stays) =>
  sizes.map(([rows, width]) => ({
    title: `${rows} x ${width} x ${width}, weight ${stays ? 'resident' : 'streamed'}`,
    rows,
    width,
    stays,
  })),
)

/** Values of about the size of activations and weights. */
export function values(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 1013) / 1013 - 0.5)
}

/**
 * Milliseconds of a call, from calls that fill some time: for engines that compute on this thread alone the mean in time
 * of this thread's processor, which other processes disturb little; else the shortest by the wall.
 */
export async function timeOf(engine: string, work: () => Promise<void> | void): Promise<number> {
  await work()
  return engine === 'node' ? shortest(work) : meanOnThread(work)
}

async function shortest(work: () => Promise<void> | void): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  const end = performance.now() + 1000
  while (performance.now() < end) {
    const start = performance.now()
    await work()
    best = Math.min(best, performance.now() - start)
  }
  return best
}

async function meanOnThread(work: () => Promise<void> | void): Promise<number> {
  const now = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  const start = now()
  let count = 0
  while (count < 3 || now() - start < 250) {
    await work()
    count++
  }
  return (now() - start) / count
}
