import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/**
 * Bytes of all last-level caches of the processors, as Linux tells them; 0 where it does not.
 * @param folder with a folder for each processor
 */
export async function lastLevelCacheBytes(folder = '/sys/devices/system/cpu'): Promise<number> {
  try {
    const processors = (await readdir(folder)).filter((name) => /^cpu\d+$/u.test(name))
    const caches = (await Promise.all(processors.map((name) => cachesOf(path.join(folder, name, 'cache'))))).flat()
    const last = Math.max(0, ...caches.map(({ level }) => level))
    // Processors that share a cache all tell of it.
    const sizes = new Map(caches.filter(({ level }) => level === last).map(({ sharedBy, bytes }) => [sharedBy, bytes]))
    return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
  } catch {
    return 0
  }
}

async function cachesOf(folder: string): Promise<{ level: number; sharedBy: string; bytes: number }[]> {
  const indices = (await readdir(folder)).filter((name) => name.startsWith('index'))
  return Promise.all(
    indices.map(async (index) => {
      const textOf = async (name: string): Promise<string> =>
        (await readFile(path.join(folder, index, name), 'latin1')).trim()
      const [level, sharedBy, size] = [await textOf('level'), await textOf('shared_cpu_list'), await textOf('size')]
      return { level: Number(level), sharedBy, bytes: 1024 * (Number.parseInt(size, 10) || 0) }
    }),
  )
}
