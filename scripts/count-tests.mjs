// Sums up vitest's JSON reports for .ci/run: `count-tests.mjs STATUS REPORT...`. Exits with STATUS, or 1 if a report
// is missing or counts a failure. What failed is named once more before the last line: whoever reads a log sees its end first.
import { readFileSync } from 'node:fs'

const [status, ...files] = process.argv.slice(2)
const sum = { passed: 0, failed: 0, skipped: 0 }
let exitCode = Number(status)

/** Lines of a failure that are printed: what was expected and where, not the whole of a long difference. */
const SHOWN_LINES = 25

function show(title, messages) {
  const lines = messages.join('\n').trimEnd().split('\n').slice(0, SHOWN_LINES)
  process.stdout.write(`failed: ${title}\n${lines.map((line) => `  ${line}\n`).join('')}`)
}

function count(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'))
  sum.passed += report.numPassedTests
  sum.skipped += report.numPendingTests + report.numTodoTests
  // A file that could not be loaded, or whose set-up broke, has no failed test of its own: it counts as one.
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  )
  sum.failed += report.numFailedTests + broken.length
  for (const file of broken) show(file.name, [file.message ?? ''])
  for (const file of report.testResults)
    for (const test of file.assertionResults)
      if (test.status === 'failed') show(`${file.name}: ${test.fullName}`, test.failureMessages ?? [])
}

for (const file of files) {
  try {
    count(file)
  } catch (error) {
    process.stdout.write(`flexgen: the tests ended before they were counted: ${error.message}\n`)
    exitCode ||= 1
  }
}
if (sum.failed > 0) exitCode ||= 1
if (exitCode !== 0 && sum.failed === 0)
  process.stdout.write('flexgen: no test failed, but a check before them or the run itself did\n')
process.stdout.write(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}\n`)
process.exitCode = exitCode
