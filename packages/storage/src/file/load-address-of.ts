/** The address of the first byte of an array in memory. */
export type AddressOf = (bytes: Uint8Array) => bigint

/**
 * Loads what tells addresses of memory: the optional package koffi; undefined without it.
 *
 * Only an address tells whether a direct read may go straight into its target. No native function is called.
 */
export async function loadAddressOf(): Promise<AddressOf | undefined> {
  try {
    const { default: koffi } = await import('koffi')
    return (bytes) => koffi.address(bytes)
  } catch {
    return undefined
  }
}
