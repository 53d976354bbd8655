import { homedir } from 'node:os'
import path from 'node:path'

/**
 * Where scratch files go by default: `$XDG_CACHE_HOME/flexgen/offload`, else `~/.cache/flexgen/offload`. Not the
 * folder for temporary files, which on many systems lies in RAM.
 */
export function defaultOffloadDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return path.join(env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'flexgen', 'offload')
}
