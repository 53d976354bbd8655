const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** Bytes for people in the binary units that capacities are sold in: `0`, `96.0 MiB`, `15.7 GiB`, `1500 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes === 0) return '0'
  let value = bytes
  let unit = 0
  // Disks and machines are spoken of in thousands of GiB.
  while (value >= (unit === 3 ? 9999.5 : 999.5) && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${units[unit]}`
}

/** Seconds for people: `0.52 ms`, `3.25 s`, `12 min 02 s`, `3 h 05 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${threeDigits(1000 * seconds)} ms`
  if (seconds < 99.95) return `${threeDigits(seconds)} s`
  const minutes = Math.floor(Math.round(seconds) / 60)
  if (minutes < 60) return `${minutes} min ${padded(Math.round(seconds) % 60)} s`
  return `${Math.floor(minutes / 60)} h ${padded(minutes % 60)} min`
}

/** A rate or share with three digits at least: `0.169`, `7.09`, `15.7`, `860`, `12345`. */
export function threeDigits(value: number): string {
  if (value === 0) return '0'
  const digits = 2 - Math.floor(Math.log10(Math.abs(value) * (1 + 1e-12)))
  return value.toFixed(Math.min(6, Math.max(0, digits)))
}

function padded(value: number): string {
  return String(value).padStart(2, '0')
}
