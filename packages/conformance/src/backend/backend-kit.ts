import type { Backend } from '@flexgen/spec'
import type { Tolerance } from '../kit/assert-close.ts'
import type { TestKit } from '../kit/test-kit.ts'

/** A test that a backend cannot pass yet: it must then be refused with an error of the project. */
export interface KnownGap {
  /** Title of the test. */
  readonly test: string
  readonly reason: string
}

/** Something that a backend does not declare, and why. What is not declared has to be refused, as other tests assert. */
export interface KnownLack {
  /** As `missingCapabilities` names it: `RotaryEmbedding`, `float16 compute`, `q4g64 weights`, `bfloat16 KV`. */
  readonly what: readonly string[]
  readonly reason: string
}

/** What `describeBackend` needs beside the backend. */
export interface BackendKit extends TestKit {
  /**
   * The backend whose results are right: backend-reference. Where absent, the tested backend is compared with itself
   * in its plainest form (float32 weights, aligned, bound from device buffers).
   */
  readonly oracle?: () => Backend | Promise<Backend>
  /** How far results may lie from the oracle's. Default 1e-5 absolute, 1e-4 relative: float32, other order of sums. */
  readonly tolerance?: Tolerance
  readonly knownGaps?: readonly KnownGap[]
  /** Why the backend lacks what it lacks; where given, a test asserts that it is all of that and no more. */
  readonly lacks?: readonly KnownLack[]
}
