import { expect, it } from 'vitest'
import { nodeProblem } from './check-node.ts'

it('takes Node from 22.12 on', () => {
  for (const version of ['22.12.0', '22.23.3', '24.0.0', '26.1.0']) expect(nodeProblem(version)).toBeUndefined()
  for (const version of ['18.0.0', '20.20.2', '22.11.9']) expect(nodeProblem(version)).toContain(`this is ${version}\n`)
})
