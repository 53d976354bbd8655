import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import { ratioOf } from './published-table.ts'
import type { SimulatedRun } from './simulate-run.ts'

const colours = { published: '#8a8f98', simulated: '#2f6fde', text: '#3c4350', grid: '#e3e6ea' } as const

/** Published and simulated tokens a second side by side, a row a run, as an SVG that stands on its own. */
export async function publishedPlot(runs: readonly SimulatedRun[]): Promise<string> {
  const rows = runs
    .filter((run) => ratioOf(run) !== undefined)
    .map((run, row) => ({
      row,
      title: `${run.model.replace('opt-', 'OPT-').replace('b', 'B')} ${run.title}${run.isFourBit ? ', 4-bit' : ''}`,
      published: run.tokensPerSecond!,
      simulated: run.simulated!.tokensPerSecond,
    }))
  const points = rows.flatMap(({ row, title, published, simulated }) => [
    { row, title, rate: published, kind: 'published' },
    { row, title, rate: simulated, kind: 'simulated' },
  ])
  const y = { field: 'title', type: 'nominal', sort: { field: 'row' }, axis: { title: null, labelLimit: 300 } } as const
  const scale = { type: 'log', nice: false, padding: 12 } as const
  const spec: TopLevelSpec = {
    width: 560,
    height: { step: 17 },
    background: '#ffffff',
    padding: 10,
    config: {
      aria: false,
      font: 'system-ui, sans-serif',
      view: { stroke: null },
      axis: {
        labelColor: colours.text,
        titleColor: colours.text,
        gridColor: colours.grid,
        domain: false,
        ticks: false,
      },
      legend: { labelColor: colours.text, orient: 'top', title: null },
    },
    data: { values: rows },
    layer: [
      {
        mark: { type: 'rule', color: colours.grid, strokeWidth: 3 },
        encoding: {
          y,
          x: { field: 'published', type: 'quantitative', scale, axis: { title: 'tokens per second' } },
          x2: { field: 'simulated' },
        },
      },
      {
        data: { values: points },
        mark: { type: 'point', filled: true, size: 60, opacity: 1 },
        encoding: {
          y,
          x: { field: 'rate', type: 'quantitative', scale },
          color: {
            field: 'kind',
            type: 'nominal',
            scale: { domain: ['published', 'simulated'], range: [colours.published, colours.simulated] },
          },
        },
      },
    ],
  }
  const view = new View(parse(compile(spec).spec), { renderer: 'none' })
  try {
    return `${await view.toSVG()}\n`
  } finally {
    view.finalize()
  }
}
