import { isObject, type Json, type JsonObject, objectsOf, type Run, titleOfRun } from './list-runs.ts'
import { spreadOf, threeDigits } from './numbers.ts'
import { table } from './table.ts'

/** The page of a measurement: what ran, on what, with which command, and its figures as tables. */
export function renderRun(run: Run): string {
  const { name, values } = run
  return [
    `# ${titleOfRun(run)}`,
    '',
    `Made from [${name}.json](/measurements/${name}.json), which has all values. What they mean is in [measurements](./README.md).`,
    '',
    ...facts(values).map(([what, value]) => `- ${what}: ${value}`),
    ...sections(values).flatMap(({ heading, text }) => (text === '' ? [] : ['', `## ${heading}`, '', text])),
    ...notes(values).flatMap((note) => ['', `- ${note}`]),
    '',
  ].join('\n')
}

interface Section {
  readonly heading: string
  readonly text: string
}

/** Date, machine and versions. */
function facts(values: JsonObject): string[][] {
  const machine = isObject(values['machine']) ? values['machine'] : undefined
  const hardware = isObject(values['hardware']) ? values['hardware'] : undefined
  const versions = isObject(values['versions']) ? Object.entries(values['versions']) : []
  const rows = [
    ['at', textOf(values['createdAt'] ?? values['measuredAt'] ?? hardware?.['measuredAt'])],
    ['machine', machine ? `${textOf(machine['processor'])}, ${textOf(machine['cores'])} cores` : ''],
    ['memory', typeof machine?.['memoryBytes'] === 'number' ? gigabytes(machine['memoryBytes']) : ''],
    ['profile', textOf(hardware?.['description'])],
    ['GPU', textOf(values['gpu'])],
    ['host', textOf(values['host'])],
    ['Node', textOf(machine?.['nodeVersion'])],
    ...versions.map(([name, version]) => [name, textOf(version)]),
    ['commit', textOf(values['commit'])],
  ]
  return rows.filter(([, value]) => value !== '')
}

/** One table for each kind of figures that the file has. */
function sections(values: JsonObject): Section[] {
  const sides = objectsOf(values['sides'])
  const alone = objectsOf(values['repetitions'])
  const rows = objectsOf(values['rows'])
  const groups = Object.entries(values).filter(([, group]) => isObject(group) && isGroup(group))
  return [
    { heading: 'Figures', text: sidesTable(sides.map((side) => [textOf(side['title']), side])) },
    { heading: 'Figures', text: alone.length > 0 ? sidesTable([['median', values]]) : '' },
    { heading: 'Perplexity', text: qualityTable(rows.filter((row) => 'perplexity' in row || 'reason' in row)) },
    { heading: 'Predicted and measured', text: predictionsTable(rows.filter((row) => isObject(row['prediction']))) },
    { heading: 'First try', text: predictionsTable(objectsOf(values['before'])) },
    ...groups.map(([key, group]) => ({ heading: words(key), text: groupTable(group as JsonObject) })),
    { heading: 'Commands', text: commands(values, [...sides, ...rows]) },
  ]
}

const timed = (value: JsonObject) => typeof value['prefillSeconds'] === 'number'

/** Whether an object holds lists of timed runs, such as those of two programs in turn. */
function isGroup(group: JsonObject): boolean {
  return Object.values(group).some((list) => objectsOf(list).some((one) => timed(one)))
}

function sidesTable(sides: readonly (readonly [title: string, side: JsonObject])[]): string {
  const columns = ['', 'runs', 'prefill s', 'decode s', 'decode tokens/s', 'total tokens/s', 'peak RSS GB']
  return table(
    columns,
    sides.map(([title, side]) => {
      const runs = objectsOf(side['repetitions']).filter((run) => timed(run))
      const rss = runs.map(peakRssOf)
      return [
        title,
        String(runs.length),
        spreadOf(numbers(runs.map((run) => run['prefillSeconds']))),
        spreadOf(numbers(runs.map((run) => run['decodeSeconds']))),
        spreadOf(numbers(runs.map((run) => run['decodeTokensPerSecond']))),
        spreadOf(numbers(runs.map((run) => run['totalTokensPerSecond']))),
        spreadOf(numbers(rss).map((bytes) => bytes / 1e9)),
      ]
    }),
  )
}

/** Names of sides that are keys in the file. */
const sideNames: Readonly<Record<string, string>> = { ours: 'this engine', flexllmgen: 'FlexLLMGen' }

function peakRssOf(run: JsonObject): Json | undefined {
  return run['peakRssBytes'] ?? (isObject(run['processMemory']) ? run['processMemory']['peakRssBytes'] : undefined)
}

function groupTable(group: JsonObject): string {
  const rows = Object.entries(group).flatMap(([key, value]) => {
    const runs = (Array.isArray(value) ? objectsOf(value) : isObject(value) ? [value] : []).filter((run) => timed(run))
    return [...Map.groupBy(runs, ({ flags, note }) => textOf(flags ?? note))].flatMap(([remark, same]) =>
      [...Map.groupBy(same, (run) => textOf(run['hostAttentionPercent']))].map(([share, alike]) => [
        (sideNames[key] ?? words(key)) + (share === '' ? '' : `: ${share} %`),
        String(alike.length),
        spreadOf(numbers(alike.map((run) => run['prefillSeconds']))),
        spreadOf(numbers(alike.map((run) => run['decodeSeconds']))),
        remark,
      ]),
    )
  })
  const text = table(['', 'runs', 'prefill s', 'decode s', 'with'], rows)
  const percent = textOf(group['percent'])
  return text === '' || percent === '' ? text : `${text}\n\n\`--percent ${percent}\``
}

function qualityTable(rows: readonly JsonObject[]): string {
  const base = numbers(rows.map((row) => row['perplexity']))[0]
  return table(
    ['', 'backend', 'tokens', 'perplexity', 'rise %'],
    rows.map((row) => {
      const [perplexity] = numbers([row['perplexity']])
      const rise = base === undefined || perplexity === undefined ? undefined : (perplexity / base - 1) * 100
      const figures = [perplexity?.toPrecision(5) ?? '', rise === undefined ? '' : rise.toFixed(2)]
      return [textOf(row['title']), textOf(row['backend']), textOf(row['tokens']), ...figures]
    }),
  )
}

function predictionsTable(rows: readonly JsonObject[]): string {
  const columns = ['', 'prefill s, predicted', 'measured', 'decode step s, predicted', 'measured']
  return table(
    columns,
    rows.map((row) => {
      const { predicted, measured } = isObject(row['prediction']) ? row['prediction'] : {}
      const pair = (key: string) =>
        [predicted, measured].map((side) =>
          numbers([isObject(side) ? side[key] : undefined])
            .map(threeDigits)
            .join(''),
        )
      return [textOf(row['title']), ...pair('prefillSeconds'), ...pair('decodeStepSeconds')]
    }),
  )
}

function commands(values: JsonObject, titled: readonly JsonObject[]): string {
  const named = isObject(values['commands']) ? Object.entries(values['commands']) : []
  const all: (readonly [string, Json | undefined])[] = [
    ['', values['command']],
    ...named,
    ...titled.map((one) => [textOf(one['title']), one['command']] as const),
  ]
  const lines = all
    .filter(([, command]) => typeof command === 'string')
    .map(([title, command]) => `${title === '' ? '' : `# ${title}\n`}${textOf(command)}`)
  return lines.length === 0 ? '' : ['```sh', lines.join('\n'), '```'].join('\n')
}

function notes(values: JsonObject): string[] {
  const list = Array.isArray(values['notes']) ? (values['notes'] as readonly Json[]) : []
  return [...list, values['note']].map((note) => textOf(note)).filter((note) => note !== '')
}

function numbers(values: readonly (Json | undefined)[]): number[] {
  return values.filter((value) => typeof value === 'number')
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

const gigabytes = (bytes: number) => `${threeDigits(bytes / 2 ** 30)} GiB`

/** `onTheCard` as `On the card`. */
function words(key: string): string {
  const spaced = key.replaceAll(/([a-z])([A-Z0-9])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`)
  return spaced.charAt(0).toUpperCase() + spaced.slice(1)
}
