import { type BackendCapabilities, type DType, operatorNames } from '@flexgen/spec'

const floats: readonly DType[] = ['float32', 'float16', 'bfloat16']

type Kind = 'computeDtypes' | 'weightDtypes' | 'cacheDtypes'

/** Everything that a backend could have: dtypes by what they are for. */
const dtypesOf: Readonly<Record<Kind, { readonly what: string; readonly dtypes: readonly DType[] }>> = {
  computeDtypes: { what: 'compute', dtypes: floats },
  weightDtypes: { what: 'weights', dtypes: [...floats, 'q4g64', 'q4g64c'] },
  cacheDtypes: { what: 'KV', dtypes: [...floats, 'q4g64'] },
}

/** What a backend does not declare: names of operators, then `float16 compute`, `q4g64 weights`, `bfloat16 KV` and the like. */
export function missingCapabilities(capabilities: Pick<BackendCapabilities, 'operators' | Kind>): string[] {
  const kinds = Object.keys(dtypesOf) as Kind[]
  return [
    ...operatorNames.filter((name) => !capabilities.operators.has(name)),
    ...kinds.flatMap((kind) => {
      const { what, dtypes } = dtypesOf[kind]
      return dtypes.filter((dtype) => !capabilities[kind].includes(dtype)).map((dtype) => `${dtype} ${what}`)
    }),
  ]
}
