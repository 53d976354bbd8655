import { describeCampaigns } from './fuzz/describe-campaigns.ts'

describeCampaigns(10_000)
