import { describe, expect, it } from 'vitest'
import type { HardwareProfile } from './hardware-profile.ts'
import { namedProfile, namedProfiles } from './named-profiles.ts'
import { parseHardwareProfile } from './parse-hardware-profile.ts'

/** A copy of the profile flexgen-t4 with the value at a path changed, or taken away. */
function changed(path: string, value: unknown): unknown {
  const copy = structuredClone(namedProfile('flexgen-t4')) as unknown as Record<string, unknown>
  const keys = path.split('.')
  const last = keys.pop()!
  const parent = keys.reduce((at, key) => at[key] as Record<string, unknown>, copy)
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return copy
}

describe('parseHardwareProfile', () => {
  it.each(namedProfiles.map((profile) => [profile.name, profile] as const))('takes %s, from JSON too', (_, profile) => {
    expect(parseHardwareProfile(JSON.parse(JSON.stringify(profile)), 'x')).toEqual(profile)
  })

  it.each<[path: string, value: unknown, message: string]>([
    ['capacity.ramBytes', 0, 'capacity.ramBytes must be a number above 0, got 0'],
    ['capacity.diskBytes', -1, 'capacity.diskBytes must be a number of 0 or more, got -1'],
    ['links.ramRead.bytesPerSecond', Number.NaN, 'links.ramRead.bytesPerSecond must be a number, got NaN'],
    [
      'links.ramRead.bytesPerSecond',
      Number.POSITIVE_INFINITY,
      'links.ramRead.bytesPerSecond must be a number, got Infinity',
    ],
    ['links.diskRead.direct.bytesPerSecond', '2e9', 'links.diskRead.direct.bytesPerSecond must be a number, got "2e9"'],
    ['links.diskRead.direct', undefined, 'links.diskRead.direct is missing'],
    ['links.hostToDevice', undefined, 'links.hostToDevice is missing'],
    ['compute.host', undefined, 'compute.host is missing'],
    ['compute', null, 'compute must be an object, got null'],
    ['compute.device.matmul', [], 'compute.device.matmul must be a list with an entry at least, got []'],
    ['compute.device.matmul.0.dtype', 'int4', 'compute.device.matmul.0.dtype must be one of float32, float16'],
    ['compute.device.matmul.0.rows', 1.5, 'compute.device.matmul.0.rows must be a whole number, got 1.5'],
    ['machine.cpuCores', 0, 'machine.cpuCores must be a number above 0, got 0'],
    ['machine.device', 'tpu', 'machine.device must be one of host, gpu, got "tpu"'],
    ['costs.stageSeconds', -1e-6, 'costs.stageSeconds must be a number of 0 or more, got -0.000001'],
    ['flexgen.hostSlowdown.batch', undefined, 'flexgen.hostSlowdown.batch is missing'],
    ['measuredAt', 'yesterday', 'measuredAt must be a date in ISO 8601, got "yesterday"'],
    ['links.hostToDevise', {}, 'links.hostToDevise is not a field of a hardware profile'],
    ['name', '', 'name must be a text that is not empty, got ""'],
  ])('refuses %s = %j', (path, value, message) => {
    let error: unknown
    try {
      parseHardwareProfile(changed(path, value), 'hardware.json')
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'CORRUPT_DATA', exitCode: 7 })
    expect((error as Error).message).toContain(`hardware profile hardware.json: ${message}`)
  })

  it.each([null, [], 'text', 7, undefined])('refuses %j', (value) => {
    expect(() => parseHardwareProfile(value, 'x')).toThrow(/hardware profile x: it (must be an object|is missing)/)
  })

  it('names a few faults and counts the rest', () => {
    expect(() => parseHardwareProfile({ schemaVersion: 1 }, 'x')).toThrow(
      'hardware profile x: name is missing; description is missing; machine is missing; capacity is missing; and 3 more',
    )
  })

  it('says that another schema is another', () => {
    expect(() => parseHardwareProfile(changed('schemaVersion', 2), 'x')).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_DATA', message: expect.stringContaining('schemaVersion 2') }),
    )
    expect(() => parseHardwareProfile(changed('schemaVersion', undefined), 'x')).toThrow('schemaVersion is missing')
  })

  it('needs no links to a device that is the host', () => {
    const { hostToDevice: _, deviceToHost: __, ...links } = namedProfile('flexgen-t4')!.links
    const host: HardwareProfile = {
      ...namedProfile('flexgen-t4')!,
      machine: { device: 'host', cpuCores: 2 },
      links,
    }
    expect(parseHardwareProfile(host, 'x')).toEqual(host)
  })
})
