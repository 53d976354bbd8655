import { type Defect, withAttributes, withBinding, withNodes, withQueue } from '../broken-backend.ts'
import { scenarios } from './titles.ts'

/** Attention and its cache. */
export const attention: readonly Defect[] = [
  [
    'a slightly wrong scale',
    scenarios.slice(0, 1),
    withAttributes('Attention', (a) => ({ scale: 1.01 * a['scale']! })),
  ],
  ['sparsity is ignored', [scenarios[5]!], withAttributes('Attention', () => ({ sparsity: 1 }))],
  [
    'sparsity keeps one too many',
    [scenarios[5]!],
    withAttributes('Attention', (a) => ({ sparsity: a['sparsity']! + 0.15 })),
  ],
  [
    'keys and values change places',
    ['Attention stores keys and values of valid tokens in the host form'],
    withNodes(({ operator, inputs }) =>
      operator === 'Attention' ? { inputs: [inputs[0], inputs[2], inputs[1]] } : {},
    ),
  ],
  [
    'rows change places from run to run',
    ['Attention takes rows in any order of one cache'],
    (backend) => {
      let runs = 0
      return withBinding(({ setCache }) => ({
        setCache: (name, rows) => setCache(name, runs++ % 2 === 0 ? rows : rows.toReversed()),
      }))(backend)
    },
  ],
  [
    'page positions are ignored',
    ['positions of a cache row go through host pages of any size and come back'],
    withQueue((queue) => ({ copyToCache: (target, source) => queue.copyToCache(target, { ...source, position: 0 }) })),
  ],
  [
    'cache positions are ignored',
    [
      'positions of a cache row go through host pages of any size and come back',
      'Attention goes on where rows moved through host pages',
    ],
    withQueue((queue) => ({
      copyFromCache: (target, source) => queue.copyFromCache(target, { ...source, position: 0 }),
    })),
  ],
  [
    'of several rows the last is not copied',
    ['copies of several cache rows, as one operation where a queue has it, move whole rows and parts of them'],
    withQueue((queue) => ({
      copyCacheRows: (direction, copies) =>
        copies
          .slice(0, Math.max(1, copies.length - 1))
          .map(({ range, page }) =>
            direction === 'toCache' ? queue.copyToCache(range, page) : queue.copyFromCache(page, range),
          )
          .at(-1)!,
    })),
  ],
  [
    'a 4-bit cache holds floats',
    ['Attention with a q4g64 cache agrees with the oracle, or is refused'],
    (backend) => ({
      allocateCache: (spec, rows) =>
        backend.allocateCache({ ...spec, dtype: spec.dtype === 'q4g64' ? 'float32' : spec.dtype }, rows),
    }),
  ],
  [
    'views are copies',
    ['Attention works on views of host pages in place, or the backend has no views'],
    (backend) => ({ viewCache: (pages, spec) => backend.allocateCache(spec, pages.length) }),
  ],
]
