import { CorruptDataError } from '@flexgen/spec'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Text of UTF-8 bytes, strictly: invalid bytes are an error and never become U+FFFD.
 * @param what names the text in the message
 * @throws {CorruptDataError} where the bytes are not UTF-8
 */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new CorruptDataError(`${what} is not valid UTF-8`, { cause })
  }
}
