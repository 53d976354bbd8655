// Simulates FlexGen's published runs and fills the tables and the plots of docs/simulation.md anew; takes minutes:
//   node --conditions=@flexgen/source apps/bench/scripts/simulate-published.mjs && oxfmt docs/simulation.md
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fillPart } from '../src/simulate/published/fill-page.ts'
import { publishedPlot } from '../src/simulate/published/published-plot.ts'
import { publishedRuns } from '../src/simulate/published/published-runs.ts'
import { publishedTable } from '../src/simulate/published/published-table.ts'
import { simulateRun } from '../src/simulate/published/simulate-run.ts'

const docs = path.resolve(import.meta.dirname, '../../../docs')
const folder = await mkdtemp(path.join(tmpdir(), 'flexgen-published-'))
const runs = []
try {
  for (const run of publishedRuns) {
    const begun = performance.now()
    const simulated = await simulateRun(run, folder)
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    const rate = simulated.simulated?.tokensPerSecond.toPrecision(3) ?? 'does not fit'
    console.error(`${run.table}: ${run.model}, ${run.title}: ${run.tokensPerSecond} published, ${rate} (${seconds} s)`)
    runs.push(simulated)
  }
} finally {
  await rm(folder, { recursive: true })
}
const file = path.join(docs, 'simulation.md')
let page = await readFile(file, 'utf8')
for (const table of ['throughput', 'ablation', 'disk']) page = fillPart(page, table, publishedTable(runs, table))
await writeFile(file, page)
await mkdir(path.join(docs, 'images'), { recursive: true })
const plots = {
  'simulated-throughput.svg': runs.filter(({ table }) => table === 'throughput'),
  'simulated-ablation.svg': runs.filter(({ table }) => table !== 'throughput'),
}
for (const [name, shown] of Object.entries(plots)) {
  await writeFile(path.join(docs, 'images', name), await publishedPlot(shown))
}
