import { homedir } from 'node:os'
import path from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** Where the measured profile of this machine is: `$XDG_CACHE_HOME/flexgen/hardware.json`, else below `~/.cache`. */
export function defaultHardwareFile(env: Environment = process.env): string {
  return path.join(cacheFolder(env), 'hardware.json')
}

/** Where the history of runs on this machine is, beside the profile. */
export function defaultHistoryFile(env: Environment = process.env): string {
  return path.join(cacheFolder(env), 'history.json')
}

function cacheFolder(env: Environment): string {
  return path.join(env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'flexgen')
}
