import { type ErrorCode, type ErrorCodeInfo, errorCodes } from '../../spec/src/error/error-code.ts'

/** What the exit codes of the command line stand for; codes of signals are 128 and the signal's number. */
const exitCodes: Readonly<Record<number, string>> = {
  1: 'a bug',
  2: 'wrong usage',
  3: 'the run does not fit the budgets',
  4: 'a model or file was not found',
  5: 'no backend, or a package of one is missing',
  6: 'out of memory or disk, or a place that cannot be written',
  7: 'data that is damaged or not supported',
  130: 'stopped',
}

/** Text of `docs/guides/errors.md`. */
export function errorsGuide(codes: Readonly<Record<string, ErrorCodeInfo>> = errorCodes): string {
  const entries = Object.entries(codes) as [ErrorCode, ErrorCodeInfo][]
  const numbers = [...new Set(entries.map(([, { exitCode }]) => exitCode))].toSorted((a, b) => a - b)
  return [
    '# Errors',
    '',
    '<!-- Written by packages/tooling/docs/write-errors-guide.ts from packages/spec/src/error/error-code.ts. -->',
    '',
    'An error of the command line is one line that names its code and what happened, and one that says what helps:',
    '',
    '```',
    'flexgen: ID_OUT_OF_VOCABULARY: prompt 1: id 4096 is outside the vocabulary of demo, 0 to 4095',
    'hint: use ids of the tokenizer that belongs to the model',
    '```',
    '',
    'Both go to standard error; `--verbose 3` adds the stack. In TypeScript every error is a `FlexgenError` of',
    '`@flexgen/spec` with the same text as `code`, `message` and `hint`. Many errors bring a closer hint than the remedy below.',
    '',
    'What a run has finished before an error stays: lines of `--output` are written, and `--json` prints what there is.',
    'Scratch files are removed; those of a process that was killed are removed by the next run.',
    ...numbers.flatMap((number) => section(number, entries)),
    '',
    'A run that a signal stops ends with 130 (SIGINT), 143 (SIGTERM) or 129 (SIGHUP, the terminal was closed). A second',
    'signal ends it at once.',
    '',
  ].join('\n')
}

function section(number: number, entries: readonly (readonly [ErrorCode, ErrorCodeInfo])[]): string[] {
  const ofNumber = entries.filter(([, { exitCode }]) => exitCode === number)
  return [
    '',
    `## Exit code ${number}: ${exitCodes[number] ?? 'other'}`,
    '',
    '| code | cause | remedy |',
    '|---|---|---|',
    ...ofNumber.map(([code, { meaning, remedy }]) => `| \`${code}\` | ${escape(meaning)} | ${escape(remedy)} |`),
  ]
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
