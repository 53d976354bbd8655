import { UsageError } from '@flexgen/spec'
import { readdir, readFile, realpath } from 'node:fs/promises'
import path from 'node:path'
import { quantizationMethod } from './copy-model-files.ts'
import { guardWrite, statOf } from './guard-write.ts'

/**
 * Sees that a conversion overwrites nothing that is not ours: a folder is replaced only where it holds a conversion, and
 * only on request.
 * @param original folder that is read meanwhile
 * @throws {UsageError} where something else is there, or the original is
 */
export async function checkOutput(output: string, original: string | undefined, force: boolean): Promise<void> {
  if (original !== undefined) {
    const [from, to] = await Promise.all([realPath(original), realPath(output)])
    if (isWithin(from, to) || isWithin(to, from))
      throw new UsageError(`--model and --output are the same folder, or one is in the other: ${output}`)
  }
  const found = await guardWrite(output, statOf(output))
  if (found === undefined || (found.isDirectory() && (await guardWrite(output, readdir(output))).length === 0)) return
  if (!found.isDirectory() || !(await isConverted(output)))
    throw new UsageError(`--output ${output} is there, and is no converted model`, { hint: 'choose another place' })
  if (!force)
    throw new UsageError(`--output ${output} is there already`, {
      hint: 'give --force to replace it, or another place',
    })
}

async function isConverted(folder: string): Promise<boolean> {
  try {
    const config = JSON.parse(await readFile(path.join(folder, 'config.json'), 'utf8')) as {
      quantization_config?: { quant_method?: unknown }
    } | null
    return config?.quantization_config?.quant_method === quantizationMethod
  } catch {
    return false
  }
}

async function realPath(place: string): Promise<string> {
  return realpath(place).catch(() => path.resolve(place))
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer + path.sep)
}
