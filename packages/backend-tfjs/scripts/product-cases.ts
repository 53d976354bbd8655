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
 * Milliseconds of a call once it is warm, the least of several stretches: for engines that compute on this thread alone the mean
 * of a stretch in time of this thread's processor, which other processes disturb little; else the shortest call by the wall.
 */
export async function timeOf(engine: string, work: () => Promise<void> | void): Promise<number> {
  await forMilliseconds(200, wallMs, work)
  return engine === 'node' ? shortest(work) : leastMeanOnThread(work)
}

const wallMs = (): number => performance.now()

function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Calls for so long, once at least. @returns calls, and how long they took */
async function forMilliseconds(
  durationMs: number,
  now: () => number,
  work: () => Promise<void> | void,
): Promise<{ readonly calls: number; readonly ms: number }> {
  const startMs = now()
  let calls = 0
  while (calls === 0 || now() - startMs < durationMs) {
    await work()
    calls++
  }
  return { calls, ms: now() - startMs }
}

async function shortest(work: () => Promise<void> | void): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  await forMilliseconds(1000, wallMs, async () => {
    const startMs = wallMs()
    await work()
    least = Math.min(least, wallMs() - startMs)
  })
  return least
}

async function leastMeanOnThread(work: () => Promise<void> | void): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let stretch = 0; stretch < 6; stretch++) {
    const { calls, ms } = await forMilliseconds(60, threadMs, work)
    least = Math.min(least, ms / calls)
  }
  return least
}
