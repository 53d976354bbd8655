import { systemClock } from '@flexgen/spec'
import { createDiskTier } from '../../src/index.ts'

/**
 * A run of its own process: allocates and writes in the offload directory of the first argument, says so on stdout
 * and lives until it is killed.
 */
const tier = await createDiskTier({ offloadDir: process.argv[2]!, clock: systemClock })
const region = await tier.allocate(100_000)
const bytes = new Uint8Array(100_000).fill(1)
const source = { buffer: { byteLength: bytes.byteLength, bytes }, byteOffset: 0, byteLength: bytes.byteLength }
await tier.createQueue('write').write(region, 0, source).whenDone()
process.stdout.write('ready\n')
setInterval(() => {}, 1000)
