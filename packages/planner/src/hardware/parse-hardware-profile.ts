import { parseFile } from '../schema/parse-file.ts'
import type { HardwareProfile } from './hardware-profile.ts'
import { hardwareSchema } from './hardware-schema.ts'

/**
 * A checked hardware profile.
 *
 * @param value parsed JSON
 * @param origin where it is from, for messages, such as the path of a file
 * @throws {FlexgenError} `UNSUPPORTED_DATA` for another schema version, `CORRUPT_DATA` for fields that are missing,
 * unknown, of another type, zero, negative or not a number
 */
export function parseHardwareProfile(value: unknown, origin: string): HardwareProfile {
  return parseFile(hardwareSchema, value, {
    title: 'hardware profile',
    origin,
    remedy: 'correct the file, or measure again with flexgen profile',
  })
}
