import { UsageError } from '@flexgen/spec'

/** Bytes of each unit, by its name in lower case; the `i` makes it binary. */
const unitBytes: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** A size in bytes, or with a unit such as `900MB`, `3GB`, `16GiB`, `1B`. */
export type Size = number | string

/**
 * Bytes of a size, fractions of a byte cut off. A number, also as text, is bytes.
 * @param what name for the message, such as `--max-ram`
 * @throws {UsageError} for anything but a number of 0 or above with one of the units B, kB, MB, GB, TB, KiB, MiB, GiB, TiB
 */
export function parseSize(size: Size, what = 'size'): number {
  const parts = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(typeof size === 'number' ? String(size) : size)
  const unit = unitBytes[parts?.[2]?.toLowerCase() || 'b']
  const bytes = Math.floor(Number(parts?.[1]) * (unit ?? Number.NaN))
  if (Number.isSafeInteger(bytes)) return bytes
  throw new UsageError(`${what}: '${size}' is not a size`, {
    hint: 'write a number with a unit: 900MB and 3GB are decimal, 900MiB and 3GiB binary, 1B is one byte',
  })
}
