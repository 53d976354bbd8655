import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
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

/** Time since a file was touched; 0 where it is gone. */
function silentMs(file) {
  return Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
}

/** Content of the lock file if its owner is gone: dead on this host, or silent for long. */
function abandoned(file) {
  try {
    const owner = readFileSync(file, 'utf8')
    const [pid, host] = owner.split(' ')
    const isDead = host === hostname() && !isAlive(Number(pid))
    return isDead || silentMs(file) > deadAfterMs ? owner : undefined
  } catch {
    return undefined // it has just been released
  }
}

/**
 * Takes an abandoned lock away. One process at a time may, and looks again once it may: a lock that was taken in the
 * meantime is never gone, not for a moment. Returns whether the lock is worth another try at once.
 */
function breakLock(file, owner) {
  const claim = `${file}.claim`
  try {
    writeFileSync(claim, '', { flag: 'wx' })
  } catch {
    // Held for the three calls below, unless its process was killed amid them.
    if (silentMs(claim) > deadAfterMs) rmSync(claim, { force: true })
    return false
  }
  try {
    if (readFileSync(file, 'utf8') === owner) rmSync(file)
    return true
  } catch {
    return true // its owner has released it after all
  } finally {
    rmSync(claim, { force: true })
  }
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
    if (owner === undefined || !breakLock(file, owner)) await new Promise((resolve) => setTimeout(resolve, 100))
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
