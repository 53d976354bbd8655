import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { reportJsonSchema } from '../src/report/report-json-schema.ts'
import { renderPage } from '../src/page/render-page.ts'
import { benchReportSchema } from '../src/report/bench-report.ts'
import { formatCsv } from '../src/report/csv.ts'
import { describeReport } from '../src/report/describe-report.ts'
import { linkUsesOf } from '../src/report/link-use.ts'
import { sampleMeasurement, sampleReport, sampleResults } from './support/sample-report.ts'

describe('the report', () => {
  it('has medians, all values, and the typical repetition in full', () => {
    const [ours, theirs, large] = sampleReport().sides
    expect(ours!.summary).toMatchObject({
      prefillSeconds: { median: 1, min: 1, max: 2, values: [1, 2, 1] },
      decodeTokensPerSecond: { median: 2, min: 1.6, max: 4, values: [2, 4, 1.6] },
      totalTokensPerSecond: { median: 2, values: [2, 2.5, 10 / 6] },
      peakRssBytes: { median: 2000, min: 1000, max: 3000 },
    })
    // Totals are 5, 4 and 6 seconds.
    expect(ours!.typical).toMatchObject({
      repetition: 0,
      prefillSeconds: 1,
      decodeSeconds: 4,
      measurement: { peakDiskBytes: 300 },
    })
    expect(ours!.log).toMatchObject({ prefillTokensPerSecond: 20, decodeTokensPerSecond: 2, totalTokensPerSecond: 2 })
    expect(
      ours!.repetitions.map((each) => [each.repetition, 'measurement' in each, each.processMemory?.samples.length]),
    ).toEqual([
      [0, false, 0],
      [1, false, 0],
      [2, false, 0],
    ])
    expect(theirs!.summary).not.toHaveProperty('totalTokensPerSecond')
    expect(theirs).not.toHaveProperty('log')
    expect(large).toEqual({
      kind: 'flexgen',
      title: 'opt: large',
      command: 'flexgen bench --model large',
      repetitions: [],
      failure: { code: 'INFEASIBLE', message: 'too <large>', hint: 'less' },
      links: [],
    })
  })

  it('takes the mean of the middle two of an even number, and the faster of them in full', () => {
    const [ours] = sampleReport({ results: sampleResults.slice(0, 4) }).sides
    expect(ours!.summary!.decodeSeconds.median).toBe(3)
    expect(ours!.typical!.repetition).toBe(1)
  })

  it('compares with the foreign side: medians, and pairs that ran next to each other', () => {
    const { comparison } = sampleReport()
    expect(comparison).toEqual({
      base: 1,
      sides: [
        {
          side: 0,
          // By time, since the other side knows no prompt tokens.
          prefill: { ofMedians: 2, pairs: { median: 2, min: 1, max: 3, values: [2, 1, 3] } },
          decode: { ofMedians: 2.5, pairs: { median: 3.2, min: 2, max: 5, values: [2, 5, 3.2] } },
          peakRss: 0.5,
        },
      ],
    })
    const apart = sampleResults.map((line) => (line.side === 1 ? { ...line, sitting: 1 } : line))
    const report = sampleReport({ results: apart })
    expect(report.comparison!.sides[0]!.decode).toEqual({ ofMedians: 2.5 })
    expect(report.sittings).toBe(2)
    expect(sampleReport({ results: sampleResults.filter(({ side }) => side === 0) })).not.toHaveProperty('comparison')
  })

  it('sets the use of a link against what it gives alone, read in the same way', () => {
    // 4 GB in 4 s of decoding; through the page cache the disk gave 2 GB/s.
    expect(sampleReport().sides[0]!.links).toEqual([
      { link: 'disk read', phase: 'decode', sizeBytes: 4e9, bytesPerSecond: 1e9, utilisation: 0.5 },
    ])
    expect(sampleReport({ links: [] }).sides[0]!.links[0]).not.toHaveProperty('utilisation')
    const slowed = linkUsesOf(sampleMeasurement, { direct: false, diskBytesPerSecond: 1.25e9 }, [])
    expect(slowed[0]).toMatchObject({ bytesPerSecond: 1e9, utilisation: 0.8 })
  })

  it('says how busy the link to a device was while tokens were made, and how fast then', () => {
    const deviceLinks = [
      { link: 'to device', phase: 'prefill', busySeconds: 0.5, sizeBytes: 20e9 },
      { link: 'to device', phase: 'decode', busySeconds: 3.8, sizeBytes: 190e9 },
      { link: 'from device', phase: 'decode', busySeconds: 0.1, sizeBytes: 2e9 },
    ] as const
    const measured = [{ link: 'to device', direct: false, bytesPerSecond: 62.5e9 }] as const
    const uses = linkUsesOf({ ...sampleMeasurement, deviceLinks }, { direct: false }, measured)
    expect(uses.slice(1)).toEqual([
      {
        link: 'to device',
        phase: 'prefill',
        sizeBytes: 20e9,
        bytesPerSecond: 20e9,
        utilisation: 0.32,
        busy: { share: 0.5, bytesPerSecond: 40e9 },
      },
      {
        link: 'to device',
        phase: 'decode',
        sizeBytes: 190e9,
        bytesPerSecond: 47.5e9,
        utilisation: 0.76,
        busy: { share: 0.95, bytesPerSecond: 50e9 },
      },
      {
        link: 'from device',
        phase: 'decode',
        sizeBytes: 2e9,
        bytesPerSecond: 0.5e9,
        busy: { share: 0.025, bytesPerSecond: 20e9 },
      },
    ])
    const report = sampleReport()
    const sides = report.sides.map((side, i) => (i === 0 ? { ...side, links: uses } : side))
    expect(describeReport({ ...report, sides })).toEqual(
      expect.arrayContaining([
        'opt: ours: link to device busy 95.0 % of decoding, at 50 GB/s then, 80.0 % of the 62.5 GB/s it gives alone',
        'opt: ours: link from device busy 2.5 % of decoding, at 20 GB/s then',
      ]),
    )
  })

  it('is of the published schema', async () => {
    const report = sampleReport()
    expect(benchReportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report)
    // After a change of the form see scripts/write-schema.mjs.
    const published = await readFile(new URL('../schema/report.schema.json', import.meta.url), 'utf8')
    expect(JSON.parse(published)).toEqual(reportJsonSchema())
  })

  it('is a table for terminals', () => {
    expect(describeReport(sampleReport())).toEqual([
      'median of 3 [min..max]   prefill s    decode s  decode tok/s    total tok/s           peak RSS',
      'opt: ours                 1 [1..2]    4 [2..5]    2 [1.6..4]  2 [1.67..2.5]  2 kB [1 kB..3 kB]',
      'theirs                    2 [2..3]  10 [8..16]  0.8 [0.5..1]              -  4 kB [4 kB..5 kB]',
      'opt: large              INFEASIBLE',
      'opt: large: INFEASIBLE: too <large>',
      '',
      'speed against theirs               prefill                decode  total  peak RSS',
      'opt: ours             2.00x [1.00x..3.00x]  2.50x [2.00x..5.00x]      -     0.50x',
    ])
  })

  it('is CSV with a row a repetition', () => {
    const lines = formatCsv(sampleReport()).split('\r\n')
    expect(lines).toHaveLength(1 + 6 + 1)
    expect(lines[1]).toBe(
      '0,opt: ours,flexgen,0,0,2026-11-20T10:00:00.000Z,1,4,20,2,2,1000,500,6,flexgen bench --model opt',
    )
    expect(lines[4]).toBe(
      '1,theirs,command,0,0,2026-11-20T10:00:00.000Z,2,8,,1,,4000,2000,11,"their ""best"" <way>, really"',
    )
  })

  it('is a page that needs nothing else and shows everything', async () => {
    const page = await renderPage(sampleReport())
    expect(page).toContain('<title>sample &amp; test: FlexGen benchmark</title>')
    expect(page).toContain('their &quot;best&quot; &lt;way&gt;, really')
    expect(page).toContain('INFEASIBLE: too &lt;large&gt;')
    expect(page).not.toMatch(/<script|<link|<img|@import|url\((?!#)|NaN|undefined|Infinity|<way>|<device>/)
    expect(page.match(/https?:\/\/[^"]*/g)?.filter((address) => address !== 'http://www.w3.org/2000/svg')).toEqual([])
    for (const title of [
      'Decode',
      'Prefill',
      'Use of links while decoding',
      'One decode step, queue by queue',
      'Bytes on each tier over time',
      'Placement',
    ]) {
      expect(page).toContain(`<h3>${title}</h3>`)
      // One for wide, one for narrow screens.
      expect(page.split(`aria-label="${title}"`)).toHaveLength(3)
    }
    // Colours follow the reader's setting, so none may be fixed in a plot.
    expect(page.match(/(?:fill|stroke)="(?!var\(|none|transparent)[^"]*"/g)).toBeNull()
    expect(page).toContain('model size: 0.000 GB\tcache size: 0.000 GB')
  })
})
