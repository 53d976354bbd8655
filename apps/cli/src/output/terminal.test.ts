import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createTerminal } from './terminal.ts'

function fakeStream(isTTY: boolean): NodeJS.WriteStream {
  return Object.assign(new PassThrough(), { isTTY }) as unknown as NodeJS.WriteStream
}

function styled(isTTY: boolean, env: Readonly<Record<string, string>>): string {
  const terminal = createTerminal({ stdout: fakeStream(isTTY), stderr: fakeStream(true), env })
  return terminal.out.style('bold', 'x')
}

describe('terminal', () => {
  it('has styles, but not where it is none, is dumb, or is told so', () => {
    expect(styled(true, {})).toBe('\u001b[1mx\u001b[22m')
    expect(styled(true, { NO_COLOR: '' })).toBe('\u001b[1mx\u001b[22m')
    expect(styled(false, {})).toBe('x')
    expect(styled(true, { NO_COLOR: '1' })).toBe('x')
    expect(styled(true, { TERM: 'dumb' })).toBe('x')
  })

  it('tells that its reader has gone, and does not mind', () => {
    const stdout = fakeStream(false)
    const { closed } = createTerminal({ stdout, stderr: fakeStream(false), env: {} })
    expect(closed.aborted).toBe(false)
    stdout.emit('error', Object.assign(new Error('broken pipe'), { code: 'EPIPE' }))
    expect(closed.aborted).toBe(true)
  })
})
