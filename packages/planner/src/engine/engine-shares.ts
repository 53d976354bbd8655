/**
 * Where weights (`w`) and KV (`c`) are, as parts of 1: on the device (`d`), in RAM (`r`) and on disk (`n`); `x` is the
 * part of all KV that is off the device and attended on the host.
 */
export const engineShareNames = ['wd', 'wr', 'wn', 'cd', 'cr', 'cn', 'x'] as const

/** Name of a share. */
export type EngineShareName = (typeof engineShareNames)[number]

/** A value for every share. */
export type EngineShares = Readonly<Record<EngineShareName, number>>
