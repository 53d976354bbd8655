import type { ModelFamily } from '@flexgen/spec'
import { loadPackage } from './load-package.ts'

/** A model family that is known by name. */
export interface FamilyEntry {
  readonly packageName: string
  load(): Promise<ModelFamily>
}

/** The model families by `model_type` of config.json. */
export const modelFamilies: Readonly<Record<string, FamilyEntry>> = {
  opt: {
    packageName: '@flexgen/opt',
    load: async () => (await loadPackage('@flexgen/opt', "model type 'opt'", () => import('@flexgen/opt'))).optFamily,
  },
}
