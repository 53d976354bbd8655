import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { root } from './paths.mjs'

const running = new Set()

/** Takes the children along when this process is told to stop, so that no half-made install goes on behind its back. */
function stop(signal) {
  for (const child of running) child.kill(signal)
  process.exit(128 + constants.signals[signal])
}

function watchSignals(method) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process[method](signal, stop)
}

/** Runs a command out of sight; resolves with its exit status (1 if it could not start) and all its output. */
export function capture(command, args, options = {}) {
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options })
    if (running.size === 0) watchSignals('on')
    running.add(child)
    const end = (status, text = '') => {
      running.delete(child)
      if (running.size === 0) watchSignals('off')
      resolve({ status, output: output + text })
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', (error) => end(1, error.message))
    child.on('close', (status) => end(status ?? 1))
  })
}
