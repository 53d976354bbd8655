import { TextDecoder } from 'node:util'
import type { TokenStream } from '@flexgen/spec'

/** A decoder that takes U+FEFF for a character like any other. */
export function createUtf8Decoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true })
}

/**
 * A stream that holds back only the bytes of a character whose end has not come yet, at most three; so the work for a
 * token does not grow with the text.
 *
 * @param bytesOf bytes of a token by its id; none for special and unknown ids
 */
export function createTokenStream(bytesOf: (id: number) => Uint8Array): TokenStream {
  const decoder = createUtf8Decoder()
  return {
    push: (id) => decoder.decode(bytesOf(id), { stream: true }),
    end: () => decoder.decode(),
  }
}
