/** Bytes in host memory that JavaScript sees. */
export interface HostBuffer {
  readonly byteLength: number
  /** The bytes themselves; throws or is detached after `free`. */
  readonly bytes: Uint8Array
}

/** Bytes in the memory of a device; `bytes` is there only where the device is host-visible. */
export interface DeviceBuffer {
  readonly byteLength: number
  readonly bytes?: Uint8Array
}

/** A range of bytes of a buffer. */
export interface Span<Buffer extends HostBuffer | DeviceBuffer = HostBuffer | DeviceBuffer> {
  readonly buffer: Buffer
  readonly byteOffset: number
  readonly byteLength: number
}

/** A span of the whole buffer, or of a part of it. */
export function spanOf<Buffer extends HostBuffer | DeviceBuffer>(
  buffer: Buffer,
  byteOffset = 0,
  byteLength: number = buffer.byteLength - byteOffset,
): Span<Buffer> {
  return { buffer, byteOffset, byteLength }
}

/** The bytes of a span in host memory, without a copy. */
export function bytesOf(span: Span<HostBuffer>): Uint8Array {
  return span.buffer.bytes.subarray(span.byteOffset, span.byteOffset + span.byteLength)
}
