import fc from 'fast-check'
import { shares } from './shares.ts'

/** A JSON text as a tree that also holds what no JSON value can: names that occur twice, and scalars that are broken. */
interface JsonScalar {
  readonly kind: 'scalar'
  readonly text: string
}
interface JsonBranch {
  readonly kind: 'list' | 'object'
  readonly children: readonly JsonChild[]
}
interface JsonChild {
  /** Unused in lists. */
  readonly name: string
  readonly node: JsonNode
}
type JsonNode = JsonScalar | JsonBranch

/** One change of a JSON text. The path leads down from the root, each number being a place among the children there. */
export type JsonEdit = { readonly path: readonly number[] } & (
  | { readonly replace: string }
  | { readonly rename: string }
  | { readonly scale: number; readonly add: number }
  | { readonly borrow: readonly number[] }
  | { readonly act: 'remove' | 'repeat' | 'wrap' }
)

const hostileNumbers =
  '0 -1 1 -0 0.5 1e-7 1e400 1e15 100000 2147483648 9007199254740991 9007199254740993 18446744073709551615'
const hostileStrings = [
  '',
  'x',
  '__proto__',
  'constructor',
  '../x',
  '/etc/passwd',
  'a\0b',
  '\ud800',
  'long '.repeat(2000),
]
const knownStrings = ['F16', 'F64', 'I64', 'Sequence', 'BPE', 'FixedLength', 'Replace', 'NFKC', '(a+)+$']
const hostileTexts = [
  ...hostileNumbers.split(' '),
  ...[...hostileStrings, ...knownStrings].map((text) => JSON.stringify(text)),
  'null',
  'true',
  'false',
  '[]',
  '{}',
  '[0]',
  '[[]]',
  '{"a":1}',
  '{"__proto__":{"a":1}}',
  '['.repeat(2000) + ']'.repeat(2000),
  `[${'1,'.repeat(2000)}1]`,
  // No JSON at all.
  '',
  'NaN',
  '-',
  '01',
  '"',
  '{',
  ']',
  '1,2',
  "'a'",
]
const hostileNames = ['', '__proto__', 'constructor', 'toString', 'a', '../a', 'a\nb', 'type', 'weight', '\ud800']

/** Any depth is as likely as another. */
const paths = fc.noBias(fc.array(shares, { maxLength: 8 }))
const changes = fc.oneof(
  { weight: 5, arbitrary: fc.record({ replace: fc.constantFrom(...hostileTexts) }) },
  { weight: 1, arbitrary: fc.record({ rename: fc.constantFrom(...hostileNames) }) },
  {
    weight: 3,
    arbitrary: fc.record({ scale: fc.constantFrom(1, 1, -1, 2, 0.5, 1000), add: fc.constantFrom(0, 1, -1, 2) }),
  },
  { weight: 2, arbitrary: fc.record({ borrow: paths }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constantFrom('remove', 'repeat', 'wrap') }) },
)

/** One to four changes of a JSON text. */
export const jsonEdits: fc.Arbitrary<readonly JsonEdit[]> = fc.array(
  fc.tuple(paths, changes).map(([path, change]): JsonEdit => ({ path, ...change })),
  { minLength: 1, maxLength: 4 },
)

/** Makes a function that gives the text of a JSON value after all changes, one after the other. */
export function jsonEditor(value: unknown): (edits: readonly JsonEdit[]) => string {
  const root = nodeOf(value)
  return (edits) => textOf(edits.reduce(applyOne, root))
}

function nodeOf(value: unknown): JsonNode {
  if (typeof value !== 'object' || value === null) return { kind: 'scalar', text: JSON.stringify(value) }
  const children = Object.entries(value).map(([name, inner]) => ({ name, node: nodeOf(inner) }))
  return { kind: Array.isArray(value) ? 'list' : 'object', children }
}

function textOf(node: JsonNode): string {
  if (node.kind === 'scalar') return node.text
  if (node.kind === 'list') return `[${node.children.map((child) => textOf(child.node)).join(',')}]`
  return `{${node.children.map(({ name, node: inner }) => `${JSON.stringify(name)}:${textOf(inner)}`).join(',')}}`
}

function applyOne(root: JsonNode, edit: JsonEdit): JsonNode {
  const change = (child: JsonChild): JsonChild[] => {
    if ('replace' in edit) return [{ ...child, node: { kind: 'scalar', text: edit.replace } }]
    if ('rename' in edit) return [{ ...child, name: edit.rename }]
    if ('borrow' in edit) return [{ ...child, node: find(root, edit.borrow) }]
    if ('act' in edit) {
      if (edit.act === 'remove') return []
      if (edit.act === 'repeat') return [child, child]
      return [{ ...child, node: { kind: 'list', children: [child] } }]
    }
    const { node } = child
    const number = node.kind === 'scalar' ? Number(node.text) : Number.NaN
    return [
      Number.isNaN(number) ? child : { ...child, node: { kind: 'scalar', text: `${number * edit.scale + edit.add}` } },
    ]
  }
  return changeAt({ name: '', node: root }, edit.path, change)[0]?.node ?? root
}

function changeAt(
  child: JsonChild,
  path: readonly number[],
  change: (child: JsonChild) => readonly JsonChild[],
): readonly JsonChild[] {
  const { node } = child
  const [share, ...rest] = path
  if (share === undefined || node.kind === 'scalar' || node.children.length === 0) return change(child)
  const index = Math.floor(share * node.children.length)
  const children = node.children.toSpliced(index, 1, ...changeAt(node.children[index]!, rest, change))
  return [{ ...child, node: { ...node, children } }]
}

function find(node: JsonNode, path: readonly number[]): JsonNode {
  const [share, ...rest] = path
  if (share === undefined || node.kind === 'scalar' || node.children.length === 0) return node
  return find(node.children[Math.floor(share * node.children.length)]!.node, rest)
}
