import type { PublishedRun } from './published-runs.ts'
import type { SimulatedRun } from './simulate-run.ts'

/** The runs of one table of the page as Markdown. */
export function publishedTable(runs: readonly SimulatedRun[], table: PublishedRun['table']): string {
  const rows = runs.filter((run) => run.table === table)
  const head = [titleOfTable[table], 'run as', 'published', 'simulated', 'ratio', 'prefill s', 'decode s']
  const lines = rows.map((run) => [
    `${run.model.replace('opt-', 'OPT-').replace('b', 'B')}, ${run.title}${run.isFourBit ? ', 4-bit' : ''}`,
    policyOf(run.flags),
    formatRate(run.tokensPerSecond),
    formatRate(run.simulated?.tokensPerSecond),
    ratioOf(run)?.toFixed(2) ?? '-',
    run.simulated?.prefillSeconds.toFixed(run.simulated.prefillSeconds < 10 ? 1 : 0) ?? '-',
    run.simulated?.decodeSeconds.toFixed(run.simulated.decodeSeconds < 10 ? 1 : 0) ?? '-',
  ])
  const alignment = head.map((_, i) => (i < 2 ? '---' : '---:'))
  return [head, alignment, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Simulated against published tokens a second; undefined where one is missing. */
export function ratioOf({ tokensPerSecond, simulated }: SimulatedRun): number | undefined {
  return tokensPerSecond === undefined || simulated === undefined
    ? undefined
    : simulated.tokensPerSecond / tokensPerSecond
}

const titleOfTable = { throughput: 'tables 2, 13-18', ablation: 'tables 4, 23', disk: 'table 24' } as const

/** Batches and percents of a run, such as `48x3, 20 80 0 100 0 100`. */
function policyOf(flags: string): string {
  const [, size] = /--gpu-batch-size (\d+)/.exec(flags)!
  const [, count] = /--num-gpu-batches (\d+)/.exec(flags)!
  const [, percent] = /--percent ([\d ]+\d)/.exec(flags)!
  const isOnHost = flags.includes('--cpu-cache-compute')
  return `${size}x${count}, ${percent}${isOnHost ? ', host attention' : ''}`
}

function formatRate(tokensPerSecond: number | undefined): string {
  return tokensPerSecond === undefined ? 'does not fit' : String(Number(tokensPerSecond.toPrecision(3)))
}
