import type { KnownLack } from '@flexgen/conformance'

/** What the host kernels do not do: nothing. */
export const lacks: readonly KnownLack[] = []
