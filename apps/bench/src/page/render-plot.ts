import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import { html, type Markup, markup } from './html.ts'
import { style } from './style.ts'

/** A plot for a width in pixels; the page has each in two widths, so that its text stays readable on a phone. */
export type Plot = (width: number) => TopLevelSpec

/** Widths of plots in the page: of half a row, of a whole row, and on a phone. */
const widths = { half: 470, full: 1000, narrow: 330 } as const

/** How a plot stands in the page. */
export interface FigureOptions {
  readonly title: string
  /** One sentence on what is to be seen. */
  readonly about: string
  readonly size: 'half' | 'full'
  readonly legend?: readonly LegendEntry[]
  readonly plot: Plot
}

/** A colour and what it stands for. */
export interface LegendEntry {
  readonly label: string
  readonly colour: string
  readonly isLine?: boolean
}

/** A plot with its title and legend, as SVG for wide and narrow screens; colours follow the style sheet. */
export async function renderFigure({ title, about, size, legend = [], plot }: FigureOptions): Promise<Markup> {
  const [wide, narrow] = [await toSvg(plot(widths[size])), await toSvg(plot(widths.narrow))]
  const entries = legend.map(({ label, colour, isLine }) =>
    isLine
      ? html`<span><i class="line" style="border-color:${colour}"></i>${label}</span>`
      : html`<span><i style="background:${colour}"></i>${label}</span>`,
  )
  return html`<figure class="plot ${size}">
    <figcaption>
      <h3>${title}</h3>
      <div class="quiet">${about}</div>
      ${entries.length > 0 && html`<div class="legend">${entries}</div>`}
    </figcaption>
    ${withClass(wide, 'wide', title)} ${withClass(narrow, 'narrow', title)}
  </figure>`
}

/** A plot as an image that stands alone, in the light colours. */
export async function renderImage(plot: Plot): Promise<string> {
  const svg = await toSvg(plot(widths.full))
  const light = new Map(
    [...style.matchAll(/(--[\w-]+): (#\w+);/g)].toReversed().map(([, name, value]) => [name!, value!]),
  )
  const coloured = svg.replaceAll(/var\((--[\w-]+)\)/g, (_, name: string) => light.get(name) ?? 'currentColor')
  return coloured.replace(/(<svg[^>]*>)/, `$1<rect width="100%" height="100%" fill="${light.get('--card')}"/>`)
}

/** The frame of every plot: quiet axes, the page's font and colours. */
const config = {
  aria: false,
  background: 'transparent',
  padding: { left: 0, right: 0, top: 4, bottom: 6 },
  font: 'system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, sans-serif',
  view: { stroke: null },
  text: { color: 'var(--text)', fontSize: 12 },
  axis: {
    labelColor: 'var(--muted)',
    titleColor: 'var(--muted)',
    titleFontWeight: 'normal',
    labelFontSize: 11,
    titleFontSize: 11,
    domain: false,
    ticks: false,
    gridColor: 'var(--grid)',
    labelPadding: 6,
  },
} as const

async function toSvg(spec: TopLevelSpec): Promise<string> {
  const compiled = compile({ ...spec, config: { ...config, ...spec.config } }).spec
  const view = new View(parse(compiled), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}

/** The image without what only scripts need, sized by the page. */
function withClass(svg: string, name: string, label: string): Markup {
  const slim = svg.replaceAll(/ (?:class|xmlns:xlink|version)="[^"]*"/g, '').replaceAll(/<g>\s*<\/g>/g, '')
  const { markup: escaped } = html`${label}`
  return markup(
    slim.replace(
      /<svg([^>]*?) width="[\d.]+" height="[\d.]+"/,
      `<svg$1 class="${name}" role="img" aria-label="${escaped}"`,
    ),
  )
}
