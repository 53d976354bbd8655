import { renderImage } from '../../src/page/render-plot.ts'

/** The distribution of ratios, smallest first, as an SVG. */
export function ratioPlot(ratios) {
  const rows = ratios.map((ratio, i) => ({ share: (100 * (i + 0.5)) / ratios.length, ratio }))
  return renderImage((width) => ({
    width,
    height: 260,
    data: { values: rows },
    layer: [
      {
        mark: { type: 'line', color: 'var(--orange)', strokeWidth: 2.5 },
        encoding: {
          x: { field: 'share', type: 'quantitative', title: 'percent of the scenarios', scale: { domain: [0, 100] } },
          y: { field: 'ratio', type: 'quantitative', title: 'speed against the fixed plan', scale: { zero: false } },
        },
      },
      { mark: { type: 'rule', color: 'var(--text)', strokeDash: [4, 4] }, encoding: { y: { datum: 1 } } },
    ],
  }))
}
