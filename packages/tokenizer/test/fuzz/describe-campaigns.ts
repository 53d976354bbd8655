import { describe, expect, it } from 'vitest'
import { tokenizerCampaigns } from './tokenizer-campaigns.ts'

/** Runs every campaign of this package with so many inputs each. */
export function describeCampaigns(inputCount: number): void {
  describe.each(tokenizerCampaigns)('$name', ({ run }) => {
    it(`${inputCount} inputs give a sound tokenizer or are refused`, async () => {
      const { accepted, refused } = await run(inputCount)
      expect(accepted).toBeGreaterThan(0)
      expect(refused).toBeGreaterThan(0)
    })
  })
}
