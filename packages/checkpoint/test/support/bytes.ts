/** The UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Parts one behind the other; numbers are single bytes. */
export function concat(...parts: readonly (Uint8Array | number)[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part))))
}

/** An unsigned little-endian integer. */
export function littleEndian(byteCount: 2 | 4 | 8, value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(byteCount)
  let rest = BigInt(value)
  for (let i = 0; i < byteCount; i++, rest >>= 8n) bytes[i] = Number(rest & 255n)
  return bytes
}

/** Different bytes at every place, so that a wrong offset shows. */
export function pattern(byteCount: number, start = 0): Uint8Array {
  return Uint8Array.from({ length: byteCount }, (_, i) => Math.imul(i + start + 1, 2654435761) >>> 24)
}
