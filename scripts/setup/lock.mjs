import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'

const beatMs = 2_000
const deadAfterMs = 30_000

const isAlive = (pid) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Content of the lock file if its owner is gone: dead on this host, or silent for long. */
function abandoned(file) {
  try {
    const owner = readFileSync(file, 'utf8')
    const silentMs = Date.now() - statSync(file).mtimeMs
    const [pid, host] = owner.split(' ')
    const isDead = host === hostname() && !isAlive(Number(pid))
    return isDead || silentMs > deadAfterMs ? owner : undefined
  } catch {
    return undefined // it has just been released
  }
}

/** Takes an abandoned lock away; if another process was faster and the lock is new again, puts it back. */
function breakLock(file, owner) {
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
    if (readFileSync(aside, 'utf8') !== owner) linkSync(aside, file)
  } catch {
    // Another process took it away first.
  }
  rmSync(aside, { force: true })
}

function tryLock(file) {
  try {
    writeFileSync(file, `${process.pid} ${hostname()} ${Date.now()}`, { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  }
}

/** Runs `work` while no other process of this checkout does; a lock whose owner is gone is taken over. */
export async function withLock(file, onWait, work) {
  for (let waitedMs = 0; !tryLock(file); waitedMs += 100) {
    const owner = abandoned(file)
    if (owner !== undefined) breakLock(file, owner)
    else await new Promise((resolve) => setTimeout(resolve, 100))
    if (waitedMs === 1_000) onWait()
  }
  const beat = setInterval(() => utimesSync(file, new Date(), new Date()), beatMs)
  try {
    return await work()
  } finally {
    clearInterval(beat)
    rmSync(file, { force: true })
  }
}
