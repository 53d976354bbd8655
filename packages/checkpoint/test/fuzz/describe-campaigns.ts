import { describe, expect, it } from 'vitest'
import { numpyCampaigns } from './numpy-campaigns.ts'
import { pytorchCampaigns } from './pytorch-campaigns.ts'
import { safetensorsCampaigns } from './safetensors-campaigns.ts'

/** Runs every campaign of this package with so many inputs each. */
export function describeCampaigns(inputCount: number): void {
  describe.each([...safetensorsCampaigns, ...pytorchCampaigns, ...numpyCampaigns])('$name', ({ run }) => {
    it(`${inputCount} inputs are read without fault or refused`, async () => {
      const { accepted, refused } = await run(inputCount)
      // A campaign that meets only one answer would test nothing.
      expect(accepted).toBeGreaterThan(0)
      expect(refused).toBeGreaterThan(0)
    })
  })
}
