import { describe, expect, it } from 'vitest'
import { configCampaigns } from './config-campaigns.ts'

/** Runs every campaign of this package with so many inputs each. */
export function describeCampaigns(inputCount: number): void {
  describe.each(configCampaigns)('$name', ({ run }) => {
    it(`${inputCount} inputs give a sound model or are refused`, async () => {
      const { accepted, refused } = await run(inputCount)
      expect(accepted).toBeGreaterThan(0)
      expect(refused).toBeGreaterThan(0)
    })
  })
}
