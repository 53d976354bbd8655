import type { FileSystem, HostBuffer, Tier } from '@flexgen/spec'
import type { TestKit } from '../kit/test-kit.ts'

/** What `describeTier` needs beside the tier. */
export interface TierKit extends TestKit {
  /** Where the tests take their buffers from; ordinary memory by default. */
  readonly allocateHost?: (byteLength: number) => HostBuffer
  /** Makes a file with this content that the tier can read, and gives its path; a temporary file by default. */
  readonly makeFile?: (content: Uint8Array) => Promise<string>
  /** Makes a fresh tier that works through these files: then the suite tries it with faults. For tiers on files. */
  readonly createOn?: (files: FileSystem) => Promise<Tier>
  /** What a disk tier has left behind after its dispose (names of files); must then be empty. */
  readonly leftovers?: () => Promise<readonly string[]>
  /** Regions of the random operations are at most this large. Default 70 000 bytes, odd sizes included. */
  readonly maxRegionBytes?: number
  readonly seed?: number
}
