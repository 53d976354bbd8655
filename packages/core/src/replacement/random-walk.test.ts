import { expect, it } from 'vitest'
import { walkPercent } from './random-walk.ts'

it('stays within two points, sums to 100, and drifts to the disk as the fork did', () => {
  let state = 1
  const next = (): number => (state = (state * 16807) % 2147483647) / 2147483647
  let disk = 0
  for (let run = 0; run < 300; run++) {
    let percent = { device: 0, ram: 100, disk: 0 }
    for (let token = 0; token < 31; token++) {
      const { device, ram } = percent
      percent = walkPercent(percent, next)
      expect(percent.device + percent.ram + percent.disk).toBe(100)
      expect(Math.abs(percent.device - device)).toBeLessThanOrEqual(2)
      expect(percent.ram - ram).toBeLessThanOrEqual(2)
    }
    disk += percent.disk / 300
  }
  // flexgen.md 4.3: 17.5 percent at the end, on average.
  expect(disk).toBeGreaterThan(14)
  expect(disk).toBeLessThan(21)
})
