import type { Plot } from '../page/render-plot.ts'
import type { KernelReport } from './kernel-report.ts'

/** Colours by the dtype of weights or KV. */
export const dtypeColours: Readonly<Record<string, string>> = {
  float32: 'var(--muted)',
  float16: 'var(--blue)',
  bfloat16: 'var(--teal)',
  q4g64: 'var(--orange)',
  q4g64c: 'var(--rose)',
}

/**
 * Every kernel by what it multiplies for a byte that it reads, and how fast, under the roof of the machine: what memory
 * gives on the left, what multiplications take on the right.
 */
export function rooflinePlot({ rows, limits }: KernelReport): Plot {
  const [machine] = limits
  const own = rows.filter(({ threads, part }) => threads === machine!.threads && part !== 'scaling')
  const points = own.map(({ multiplies, readBytes, medianMs, lowMs, highMs, dtype, kind }) => {
    const speed = (ms: number): number => multiplies / ms / 1e6
    return {
      dtype,
      kind,
      perByte: multiplies / readBytes,
      speed: speed(medianMs),
      slow: speed(highMs),
      fast: speed(lowMs),
    }
  })
  const { readBytesPerSecond, multipliesPerSecond, pairMultipliesPerSecond } = machine!
  const ends = [0.4, Math.max(8, ...points.map(({ perByte }) => perByte)) * 1.3]
  const roof = (most: number, name: string) =>
    [ends[0]!, most / readBytesPerSecond, ends[1]!].map((perByte) => ({
      name,
      perByte,
      speed: Math.min(most, perByte * readBytesPerSecond) / 1e9,
    }))
  const dtypes = Object.keys(dtypeColours).filter((dtype) => points.some((point) => point.dtype === dtype))
  const x = {
    field: 'perByte',
    type: 'quantitative',
    scale: { type: 'log', domain: ends },
    axis: { title: 'multiplications for each byte that is read', tickCount: 6, format: '~g' },
  } as const
  const y = {
    field: 'speed',
    type: 'quantitative',
    scale: { type: 'log', nice: true },
    axis: { title: 'G multiplications a second', tickCount: 6, format: '~g' },
  } as const
  return (width) => ({
    width: width - 50,
    height: 340,
    layer: [
      {
        data: { values: [...roof(multipliesPerSecond, 'float32'), ...roof(pairMultipliesPerSecond, 'bfloat16 pairs')] },
        mark: { type: 'line', color: 'var(--muted)', strokeWidth: 1.5 },
        encoding: { x, y, detail: { field: 'name' } },
      },
      {
        data: { values: points },
        mark: { type: 'rule', strokeWidth: 1.2 },
        encoding: {
          x,
          y: { ...y, field: 'slow' },
          y2: { field: 'fast' },
          color: { field: 'dtype', scale: { domain: dtypes, range: dtypes.map((dtype) => dtypeColours[dtype]!) } },
        },
      },
      {
        data: { values: points },
        mark: { type: 'point', filled: true, size: 46, opacity: 1 },
        encoding: {
          x,
          y,
          color: {
            field: 'dtype',
            title: 'weights or KV',
            scale: { domain: dtypes, range: dtypes.map((dtype) => dtypeColours[dtype]!) },
          },
          shape: { field: 'kind', title: 'work', scale: { range: ['circle', 'square'] } },
        },
      },
    ],
    config: {
      legend: { labelColor: 'var(--text)', titleColor: 'var(--muted)', titleFontWeight: 'normal', orient: 'bottom' },
    },
  })
}
