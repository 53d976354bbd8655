/** How long a test waits for what comes soon on any machine, and how often it looks. */
export const waiting = { timeout: 20_000, interval: 5 } as const
