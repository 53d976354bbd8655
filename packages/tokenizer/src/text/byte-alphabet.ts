/** Bytes that stand for themselves in the vocabulary of a byte-level BPE: printable ASCII and most of Latin-1. */
const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)

/** GPT-2's alphabet: which byte a character of a token stands for. The other bytes are U+0100, U+0101, ... in order. */
const byteOfCharacter: ReadonlyMap<string, number> = (() => {
  const alphabet = new Map<string, number>()
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) alphabet.set(String.fromCharCode(isPrintable(byte) ? byte : next++), byte)
  return alphabet
})()

const encoder = new TextEncoder()

/** The bytes of text that a token stands for; a token outside the alphabet (some added tokens) is its own text. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfCharacter.get(token[i]!)
    if (byte === undefined) return encoder.encode(token)
    bytes[i] = byte
  }
  return bytes
}
