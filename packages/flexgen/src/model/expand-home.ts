import { homedir } from 'node:os'
import path from 'node:path'

/** An absolute path; a leading `~/` is the home folder, which a shell does not expand in `--path=~/x` or a config file. */
export function expandHome(place: string): string {
  return path.resolve(place === '~' || place.startsWith('~/') ? homedir() + place.slice(1) : place)
}
