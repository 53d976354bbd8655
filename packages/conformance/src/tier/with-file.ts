import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TierKit } from './tier-kit.ts'

/** Calls back with the path of a file with this content, made by the kit or temporary. */
export async function withFile(
  { makeFile }: Pick<TierKit, 'makeFile'>,
  content: Uint8Array,
  body: (file: string) => Promise<void>,
): Promise<void> {
  if (makeFile !== undefined) return await body(await makeFile(content))
  const folder = await mkdtemp(path.join(tmpdir(), 'flexgen-conformance-'))
  try {
    const file = path.join(folder, 'weights.bin')
    await writeFile(file, content)
    await body(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
