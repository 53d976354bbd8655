import { AbortedError } from '@flexgen/spec'
import { profileHere } from 'flexgen'
import { type CaseProgress, measureCase } from '../measure/measure-case.ts'
import { measureLinks } from '../measure/measure-links.ts'
import { measureQuality } from '../quality/measure-quality.ts'
import type { ChildMessage, ChildRequest, ChildResults } from './child-messages.ts'
import { toFailure } from './failure.ts'

/** The process that measures one repetition: takes a request from its parent, sends what came of it, and ends. */

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => stop.abort(new AbortedError(`stopped by ${signal}`)))
}
// Without a parent nobody wants the result.
process.on('disconnect', () => stop.abort(new AbortedError('the benchmark has ended')))

process.once('message', (request: ChildRequest) => void run(request))

async function run(request: ChildRequest): Promise<void> {
  await send(await answer(request))
  process.disconnect()
}

async function answer(request: ChildRequest): Promise<ChildMessage> {
  try {
    const result = await resultOf(request)
    return { type: 'result', result }
  } catch (error) {
    return { type: 'failure', failure: toFailure(error) }
  }
}

function resultOf(request: ChildRequest): Promise<ChildResults[ChildRequest['type']]> {
  const options = { signal: stop.signal, onProgress: createReporter() }
  switch (request.type) {
    case 'case':
      return measureCase(request.settings, { ...options, traceFile: request.traceFile })
    case 'quality':
      return measureQuality(request.settings, options)
    case 'links':
      return measureLinks(request.options)
    case 'profile':
      return profileHere({ ...request.options, name: 'this-sitting', signal: stop.signal })
  }
}

/** Progress at most five times a second: messages cost time. */
function createReporter(): (progress: CaseProgress) => void {
  let sentMs = 0
  return (progress) => {
    const nowMs = performance.now()
    if (nowMs - sentMs < 200) return
    sentMs = nowMs
    void send({ type: 'progress', progress })
  }
}

function send(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    // A parent that has gone away is no error here: there is nobody to tell.
    if (process.connected) process.send!(message, () => resolve())
    else resolve()
  })
}
