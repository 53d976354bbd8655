import type { Policy, Tier } from '@flexgen/spec'

/**
 * Makes the scratch file where the policy will need one, as large as the plan says, so that a place that cannot be
 * written or is too small is known before minutes are spent on loading weights.
 * @param weightsAreMade whether weights are made up, so that their disk share is scratch too
 * @param plannedBytes what the run needs; less where its prompts are not known yet
 * @throws {FlexgenError} `NOT_WRITABLE` or `OUT_OF_DISK`
 */
export async function checkScratch(
  disk: Tier,
  policy: Policy,
  weightsAreMade: boolean,
  plannedBytes: number,
): Promise<void> {
  const needed = policy.cache.disk > 0 || policy.activations.disk > 0 || (weightsAreMade && policy.weights.disk > 0)
  if (needed) disk.free(await disk.allocate(Math.max(1, plannedBytes)))
}
