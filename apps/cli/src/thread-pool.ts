import { availableParallelism } from 'node:os'

// Reads of the disk tier and of the checkpoint run in this pool, several in flight; Node's own default is 4.
process.env['UV_THREADPOOL_SIZE'] ??= String(Math.min(64, Math.max(16, 2 * availableParallelism())))
