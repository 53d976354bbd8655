import type { CommandResult } from './run-command.ts'

const latencies =
  /prefill latency: ([\d.]+) s\s+prefill throughput: ([\d.]+) token\/s\s+decode latency: ([\d.]+) s\s+decode throughput: ([\d.]+) token\/s\s+total latency: [\d.]+ s\s+total throughput: ([\d.]+) token\/s/g

/** The figures of the last log that FlexGen, or one that writes its form, has printed; undefined where there is none. */
export function parseLog(output: string): CommandResult | undefined {
  const found = [...output.matchAll(latencies)].at(-1)
  if (found === undefined) return undefined
  const [prefillSeconds = 0, prefill, decodeSeconds = 0, decode = 0, total] = found.slice(1).map(Number)
  return {
    prefill_s: prefillSeconds,
    decode_s: decodeSeconds,
    decode_tok_s: decode,
    ...(prefill !== undefined && { prefill_tok_s: prefill }),
    ...(total !== undefined && { total_tok_s: total }),
  }
}
