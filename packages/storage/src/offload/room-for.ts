import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** How large a file may become: the free space of its disk and what it takes up already; undefined where unknown. */
export type RoomFor = (path: string) => Promise<number | undefined>

/** Asks the machine's file system. */
export const nodeRoomFor: RoomFor = async (path) => {
  try {
    const [disk, file] = await Promise.all([statfs(dirname(path)), stat(path)])
    // A pre-sized file takes up only the blocks (of 512 bytes) that were written.
    return disk.bavail * disk.bsize + file.blocks * 512
  } catch {
    return undefined
  }
}
