const steps = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const

/** A number with three significant digits, thousands and more in full: `0.0123`, `1.23`, `12.3`, `1234`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  return Math.abs(value) >= 999.5 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

/** Bytes in decimal units: `0 B`, `12.1 MB`, `3 GB`. */
export function formatBytes(bytes: number): string {
  const [size, prefix] = steps.find(([each]) => bytes >= 0.9995 * each) ?? [1, '']
  return `${formatNumber(bytes / size)} ${prefix}B`
}

/** Seconds for people: `0.25 s`, `12.3 s`, `2 min 05 s`, `1 h 02 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 59.95) return `${formatNumber(seconds)} s`
  const whole = Math.round(seconds)
  const padded = (value: number): string => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${padded(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${padded(Math.floor((whole % 3600) / 60))} min`
}

/** A share as a percentage: `0.94` is `94 %`. */
export function formatPercent(share: number): string {
  return `${formatNumber(100 * share)} %`
}
