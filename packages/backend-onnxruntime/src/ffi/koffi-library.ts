import { BackendUnavailableError } from '@flexgen/spec'
import type * as koffiModule from 'koffi'

/** The koffi module. */
export type Koffi = typeof koffiModule

/** Runs such as prefill need more stack than koffi's 128 KiB for asynchronous calls. */
const stackBytes = 8 * 2 ** 20

let loading: Promise<Koffi> | undefined

/**
 * Loads koffi when it is first needed, once.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where koffi is missing or has no binary for this platform
 */
export function loadKoffi(): Promise<Koffi> {
  loading ??= importKoffi()
  return loading
}

async function importKoffi(): Promise<Koffi> {
  try {
    const koffi = await import('koffi')
    // Another package of this process may have set it already; it cannot be set once a library is loaded.
    const { sync_stack_size: sync = 0, async_stack_size: async = 0 } = koffi.config()
    if (sync < stackBytes || async < stackBytes) growStacks(koffi)
    return koffi
  } catch (cause) {
    if (cause instanceof BackendUnavailableError) throw cause
    throw new BackendUnavailableError('koffi, which calls the C API of ONNX Runtime, cannot be loaded', {
      hint: 'install it with: npm install koffi',
      cause,
    })
  }
}

function growStacks(koffi: Koffi): void {
  try {
    koffi.config({ sync_stack_size: stackBytes, async_stack_size: stackBytes })
  } catch (cause) {
    throw new BackendUnavailableError(
      'koffi was in use in this process before, with too little stack for ONNX Runtime',
      {
        hint: `open the backend first, or call koffi.config({ sync_stack_size: ${stackBytes}, async_stack_size: ${stackBytes} })`,
        cause,
      },
    )
  }
}
