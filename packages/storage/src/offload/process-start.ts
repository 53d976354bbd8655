import { readFile } from 'node:fs/promises'

/**
 * When a process started, in clock ticks since boot; undefined where the system does not tell (not Linux, or no such
 * process). A process id is used again after a while, the pair of both is not.
 */
export async function processStart(pid: number | 'self'): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    // Field 22 of proc(5); counted from behind the name (field 2), which may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
