import { StorageError } from '@flexgen/spec'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

/**
 * Makes the folder for results and reports: the one given, or `flexgen-bench/TITLE-TIME`.
 * @throws {FlexgenError} `NOT_WRITABLE`, `OUT_OF_DISK`
 */
export async function makeOutputFolder(given: string | undefined, title: string): Promise<string> {
  const folder = given ?? path.join('flexgen-bench', `${fileName(title)}-${timeStamp(new Date())}`)
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    throw StorageError.from(error, `create ${folder}`)
  }
  return folder
}

/**
 * Writes texts into a folder by the names of their files.
 * @returns the files
 * @throws {FlexgenError} `NOT_WRITABLE`, `OUT_OF_DISK`
 */
export async function writeTexts(folder: string, texts: Readonly<Record<string, string>>): Promise<string[]> {
  const files: string[] = []
  for (const [name, text] of Object.entries(texts)) {
    const file = path.join(folder, name)
    try {
      await writeFile(file, text)
    } catch (error) {
      throw StorageError.from(error, `write ${file}`)
    }
    files.push(file)
  }
  return files
}

function fileName(title: string): string {
  return title.replaceAll(/[^\w.-]+/g, '-')
}

/** Local time as `20261120-101530`. */
function timeStamp(date: Date): string {
  const parts = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()]
  const [month, day, ...time] = parts.map((part) => String(part).padStart(2, '0'))
  return `${date.getFullYear()}${month}${day}-${time.join('')}`
}
