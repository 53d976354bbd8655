import { createReferenceBackend } from '@flexgen/backend-reference'
import { expect, it } from 'vitest'
import { measureDeviceLinks } from '../src/measure/measure-device-links.ts'

it('measures both directions of the link to a device with memory of its own, and keeps nothing', async () => {
  await using apart = createReferenceBackend({ hostVisible: false })
  const links = await measureDeviceLinks(apart)
  expect(links.map(({ link }) => link)).toEqual(['to device', 'from device'])
  for (const { bytesPerSecond } of links) expect(bytesPerSecond).toBeGreaterThan(0)
  expect(apart.memory()).toMatchObject({ deviceBytes: 0, hostBytes: 0 })
  await using host = createReferenceBackend({ hostVisible: true })
  expect(await measureDeviceLinks(host)).toEqual([])
})
