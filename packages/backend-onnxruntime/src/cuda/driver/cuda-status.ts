import { type FlexgenError, InternalError, OutOfMemoryError } from '@flexgen/spec'

/** Status of the driver API: success, and work that has not ended. */
export const cudaStatus = { success: 0, outOfMemory: 2, notReady: 600 } as const

/** The error for a failed call of the driver: its own name and text, with the code that fits. */
export function cudaError(doing: string, status: number, name: string, text: string): FlexgenError {
  const message = `CUDA cannot ${doing}: ${name} (${status}): ${text}`
  return status === cudaStatus.outOfMemory ? new OutOfMemoryError(message) : new InternalError(message)
}
