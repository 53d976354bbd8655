import { describe, expect, it } from 'vitest'
import { loadPackage } from './load-package.ts'

const notFound = (name: string): Error =>
  Object.assign(new Error(`Cannot find package '${name}' imported from /a/b.js`), { code: 'ERR_MODULE_NOT_FOUND' })

describe('loadPackage', () => {
  it('gives the module', async () => {
    await expect(loadPackage('x', 'y', () => Promise.resolve({ answer: 42 }))).resolves.toEqual({ answer: 42 })
  })

  it('names the install command of a missing package', async () => {
    const load = (): Promise<never> => Promise.reject(notFound('@flexgen/opt'))
    await expect(loadPackage('@flexgen/opt', "model type 'opt'", load)).rejects.toMatchObject({
      code: 'PACKAGE_NOT_FOUND',
      message: "model type 'opt' needs the package @flexgen/opt, which is not installed",
      hint: 'npm install @flexgen/opt',
    })
  })

  it('passes on what a package that is there fails with', async () => {
    const error = notFound('koffi')
    await expect(loadPackage('@flexgen/opt', 'x', () => Promise.reject(error))).rejects.toBe(error)
  })
})
