import { createNativeBackend } from '@flexgen/backend-native'
import { isAvailable } from '@flexgen/conformance'

/** Whether the host kernels work here; where not, the reason is printed, and tests of them are to be skipped. */
export const hasNative: boolean = await isAvailable('native', () => createNativeBackend({ threads: 1 }))
