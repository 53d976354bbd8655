import { formatBytes } from '../format/format-amount.ts'
import type { BenchReport } from '../report/bench-report.ts'
import type { SideReport } from '../report/side-report.ts'
import type { Link } from '../measure/measured-link.ts'
import type { Spread } from '../report/spread.ts'
import { html, type Markup } from './html.ts'
import { pageFrame } from './page-frame.ts'
import { type LinkBar, linksPlot } from './plots/links-plot.ts'
import { throughputPlot } from './plots/throughput-plot.ts'
import { renderFigure } from './render-plot.ts'
import { shortTitles } from './short-titles.ts'
import { resultsTable } from './sections/results-table.ts'
import { sideSection } from './sections/side-section.ts'
import { summaryCards } from './sections/summary-cards.ts'

/** The report as one page of HTML that needs nothing else: no script, no font, no image of its own. */
export async function renderPage(report: BenchReport): Promise<string> {
  const { title, machine, createdAt, sides, settings, sittings } = report
  const names = shortTitles(sides.map((side) => side.title))
  const sections: Markup[] = []
  for (const [i, side] of sides.entries()) sections.push(await sideSection(side, `side-${i}`))
  return pageFrame({
    title,
    machine,
    createdAt,
    cards: summaryCards(report),
    body: html`<h2>Results</h2>
      ${resultsTable(report)}
      <h2>Throughput</h2>
      <div class="plots">
        ${await throughputFigure(sides, names, 'Decode', 'New tokens but the first; bar: median, line: range, dots: each repetition.', 'decodeTokensPerSecond')}
        ${await throughputFigure(sides, names, 'Prefill', 'Prompt tokens until the first new one.', 'prefillTokensPerSecond')}
        ${await linksFigure(report, names)}
      </div>
      ${
        sides.length > 1 &&
        html`<h2>Each side</h2>
          <nav>${names.map((name, i) => html`<a href="#side-${i}">${name}</a>`)}</nav>`
      }
      ${sections}`,
    footer: html`Every repetition ran in a fresh process, one at a time, the sides in turn; before them
    ${settings.warmUp} run(s) of each side to warm up, and ${settings.warmUpTokens} token(s) in each of our processes.
    Details are of the repetition with the median total
    time.${sittings > 1 && ` Measured in ${sittings} sittings: what lies in different ones was not side by side.`} Times
    and sizes of the log are FlexGen's, GB there are 2^30 bytes; elsewhere units are decimal. Raw values: report.json,
    report.csv, results.jsonl.`,
  })
}

async function throughputFigure(
  sides: readonly SideReport[],
  names: readonly string[],
  title: string,
  about: string,
  figure: 'decodeTokensPerSecond' | 'prefillTokensPerSecond',
): Promise<Markup> {
  const bars = sides.flatMap(({ summary, kind }, i) => {
    const spread: Spread | undefined = summary?.[figure]
    return spread === undefined ? [] : [{ title: names[i]!, spread, isForeign: kind === 'command' }]
  })
  if (bars.length === 0) return html``
  return renderFigure({ title, about, size: 'half', plot: throughputPlot(bars) })
}

/** What is said of a side for each link. */
const linkTitles: Readonly<Record<Link, string>> = {
  'disk read': '',
  'disk write': ', written',
  'to device': ', to the device',
  'from device': ', from the device',
}

/** What sides made of the links while they decoded, against what it can do alone. */
async function linksFigure({ sides, links }: BenchReport, names: readonly string[]): Promise<Markup> {
  const bars = sides.flatMap(({ links: uses }, i) =>
    uses
      .filter(({ phase }) => phase === 'decode')
      .map(({ link, bytesPerSecond, utilisation }): LinkBar => {
        const bandwidth = utilisation === undefined ? undefined : bytesPerSecond / utilisation
        return { title: `${names[i]}${linkTitles[link]}`, bytesPerSecond, bandwidth }
      }),
  )
  if (bars.length === 0) return html``
  const alone = links.map(
    ({ link, direct, bytesPerSecond }) =>
      `${link}${link.startsWith('disk') ? ` ${direct ? 'around' : 'through'} the page cache` : ''} ${formatBytes(bytesPerSecond)}/s`,
  )
  return renderFigure({
    title: 'Use of links while decoding',
    about: `Reads of the disk where nothing else is said, with a mark at what the link gives alone. Measured before: ${alone.join(', ') || 'nothing'}.`,
    size: 'full',
    plot: linksPlot(bars),
  })
}
