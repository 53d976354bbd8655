import { describe, expect, it } from 'vitest'
import { html, markup } from './html.ts'

describe('markup', () => {
  it('escapes what is inserted, but not what is markup already', () => {
    const inner = html`<b>${'<"&">'}</b>`
    expect(html`<p>${inner}${markup('<i>')}${['a', html`<br />`, 1]}</p>`.markup).toBe(
      '<p><b>&lt;&quot;&amp;&quot;&gt;</b><i>a<br />1</p>',
    )
  })

  it('leaves out what is not there', () => {
    expect(html`${undefined}${false}${0}`.markup).toBe('0')
  })
})
