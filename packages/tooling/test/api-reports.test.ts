import { describe, expect, it } from 'vitest'
import { committedReport, createApiReports } from '../docs/api-reports.ts'

const reports = createApiReports()

describe('the API reports in the repository', () => {
  it.each(reports)('show what $name exports; `npm run api-reports` brings them up to date', (report) => {
    expect(committedReport(report)).toBe(report.text)
  })

  it('name what exported signatures need, exported or not', () => {
    const { text } = reports.find(({ name }) => name === '@flexgen/spec')!
    expect(text).toMatch(/^export interface Backend \{[^}]*\n {4}allocate\(byteLength: number\): DeviceBuffer;\n/m)
    expect(text).toContain('export interface DeviceBuffer')
    for (const report of reports) expect(report.text).not.toContain('not able to follow')
  })
})
