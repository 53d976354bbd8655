import { rule as arrows } from './arrows.mjs'
import { rule as jsdocOnExports } from './jsdoc-on-exports.mjs'
import { rule as noBareError } from './no-bare-error.mjs'

/** The lint rules of this repository, as an ESLint-compatible plugin. */
export default {
  meta: { name: 'flexgen' },
  rules: { arrows, 'jsdoc-on-exports': jsdocOnExports, 'no-bare-error': noBareError },
}
