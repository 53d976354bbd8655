const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** A byte count for people, in decimal units with three digits: `0 B`, `12.1 MB`, `3.00 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // From 999.5 on three digits would round up to 1000.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${units[unit]}`
}

/** A positive number with three digits: `0.12`, `3.46`, `34.6`, `346`; thousands as they are. */
export function threeDigits(value: number): string {
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
}
