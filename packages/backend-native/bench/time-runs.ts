import { type Backend, type Binding, type Kernel, spanOf, type TraceSpan } from '@flexgen/spec'
import { median } from './statistics.ts'

/** Milliseconds of the runs of a kernel, as the library's clock saw them. */
export interface RunTimes {
  readonly bestMs: number
  readonly medianMs: number
}

/** Runs a kernel again and again, with one binding after the other so that nothing stays in caches. */
export async function timeRuns(
  backend: Backend,
  kernel: Kernel,
  bindings: readonly Binding[],
  longestMs: number,
): Promise<RunTimes> {
  const spans: TraceSpan[] = []
  const queue = backend.createQueue('bench', { span: (span) => void spans.push(span) })
  const startedAt = performance.now()
  for (let i = 0; i < 400 && (i < 8 || performance.now() - startedAt < longestMs); i++)
    await queue.run(kernel, bindings[i % bindings.length]!).whenDone()
  const times = spans.slice(2).map(({ startMs, endMs }) => endMs - startMs)
  return { bestMs: Math.min(...times), medianMs: median(times) }
}

/** A span of fresh memory, filled with numbers of about size 1 in any float dtype. */
export function filledSpan(backend: Backend, byteLength: number, dtype: string): ReturnType<typeof spanOf> {
  const span = spanOf(backend.allocate(byteLength))
  const { bytes } = span.buffer
  if (dtype === 'float32') {
    const values = new Float32Array(bytes!.buffer, bytes!.byteOffset, byteLength / 4)
    for (let i = 0; i < values.length; i++) values[i] = ((i * 2654435761) % 1024) / 1024 - 0.5
  } else if (dtype === 'q4g64') {
    // Any nibbles, with a scale of 2^-7 and a minimum of -2^-5.
    const bytes32 = span.buffer.bytes!
    for (let i = 0; i < bytes32.length; i++) bytes32[i] = i * 13 + (i >> 5)
    const words = new Uint32Array(bytes32.buffer, bytes32.byteOffset, byteLength / 4)
    for (let i = 8; i < words.length; i += 9) words[i] = 0xa800_2000
  } else {
    // 0.5 to 1 with either sign.
    const halves = new Uint16Array(bytes!.buffer, bytes!.byteOffset, byteLength / 2)
    const [base, mask] = dtype === 'float16' ? [0x3800, 0x3ff] : [0x3f00, 0x7f]
    for (let i = 0; i < halves.length; i++) halves[i] = base | ((i * 40503) & mask) | ((i & 1) << 15)
  }
  return span
}
