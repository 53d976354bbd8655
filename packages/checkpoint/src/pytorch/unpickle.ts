import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'
import { PickleCursor } from './pickle-cursor.ts'
import { isKind, type PickleGlobal, type PickleValue } from './pickle-value.ts'

/** What gives meaning to the names in a pickle. */
export interface PickleMeaning {
  /** @throws {FlexgenError} for every name that is not known to be harmless */
  findGlobal(name: string): PickleGlobal
  /** The value that Python would get by calling the global. */
  call(callee: PickleGlobal, args: readonly PickleValue[]): PickleValue
  /** The object behind a persistent id. */
  load(id: PickleValue): PickleValue
}

/** A tensor takes about 35. Each makes at most one value, of at most 250 bytes: this bounds memory and time. */
const maxOperations = 500_000

/**
 * Reads a pickle of protocol 2 to 5 (Python's pickletools.py has the opcodes) as data: it builds plain values, hands
 * the few calls that occur to `meaning`, and can execute nothing.
 * @param what names the pickle in messages
 * @throws {FlexgenError} `CORRUPT_DATA`, `UNSUPPORTED_DATA` for opcodes that are not needed for state dicts, and what
 * `meaning` throws
 */
export function unpickle(bytes: Uint8Array, what: string, meaning: PickleMeaning): PickleValue {
  const cursor = new PickleCursor(bytes, what)
  const memo = new Map<number, PickleValue>()
  /** Stacks below the last mark. */
  const marked: PickleValue[][] = []
  let stack: PickleValue[] = []

  function fail(problem: string): never {
    throw new CorruptDataError(`${what} ${problem} at byte ${cursor.position}`)
  }
  function push(value: PickleValue): void {
    stack.push(value)
  }
  function pop(): PickleValue {
    const value = stack.pop()
    return value === undefined ? fail('takes a value that is not there') : value
  }
  function popMark(): PickleValue[] {
    const items = stack
    stack = marked.pop() ?? fail('lacks a mark')
    return items
  }
  function top(): PickleValue {
    const value = stack.at(-1)
    return value === undefined ? fail('takes a value that is not there') : value
  }
  function remember(key: number): void {
    memo.set(key, top())
  }
  function recall(key: number): void {
    const value = memo.get(key)
    push(value === undefined ? fail('recalls what it did not remember') : value)
  }
  function popTuple(count: number): void {
    if (stack.length < count) fail('takes a value that is not there')
    push({ kind: 'tuple', items: stack.splice(stack.length - count) })
  }
  function dictOf(items: readonly PickleValue[]): PickleValue {
    push({ kind: 'dict', entries: new Map() })
    setItems(items)
    return pop()
  }
  function setItems(items: readonly PickleValue[]): void {
    const dict = top()
    if (!isKind(dict, 'dict') || items.length % 2 !== 0) return fail('sets items of something else than a dict')
    for (let i = 0; i < items.length; i += 2) {
      if (dict.entries.has(items[i]!)) fail('sets a name twice')
      dict.entries.set(items[i]!, items[i + 1]!)
    }
  }
  function append(items: readonly PickleValue[]): void {
    const list = top()
    if (!isKind(list, 'list')) return fail('appends to something else than a list')
    for (const item of items) list.items.push(item)
  }
  function pushGlobal(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string') return fail('names a global that is not text')
    push(meaning.findGlobal(`${module}.${name}`))
  }
  function reduce(): void {
    const args = pop()
    const callee = pop()
    if (!isKind(callee, 'global') || !isKind(args, 'tuple')) return fail('calls something that is no function')
    push(meaning.call(callee, args.items))
  }
  /** Attributes of a dict (`_metadata` of a state dict) say nothing about tensors. */
  function build(): void {
    pop()
    if (!isKind(top(), 'dict')) fail('sets attributes of something else than a dict')
  }

  const operations: Readonly<Record<number, () => void>> = {
    0x80: () => {
      const version = cursor.uint8()
      if (version < 2 || version > 5)
        throw new UnsupportedDataError(`${what} has pickle protocol ${version}; 2 to 5 are supported`)
    },
    0x95: () => void cursor.uint64(), // FRAME: only says how much to read ahead
    0x28: () => {
      marked.push(stack)
      stack = []
    },
    0x30: () => void (stack.length > 0 ? pop() : popMark()), // POP
    0x31: () => void popMark(), // POP_MARK
    0x32: () => push(top()), // DUP
    0x4e: () => push(null), // NONE
    0x88: () => push(true), // NEWTRUE
    0x89: () => push(false), // NEWFALSE
    0x4b: () => push(cursor.uint8()), // BININT1
    0x4d: () => push(cursor.uint16()), // BININT2
    0x4a: () => push(cursor.int32()), // BININT
    0x8a: () => push(cursor.long(cursor.uint8())), // LONG1
    0x8b: () => push(cursor.long(cursor.uint32())), // LONG4
    0x47: () => push(cursor.float64()), // BINFLOAT
    0x8c: () => push(cursor.text(cursor.uint8())), // SHORT_BINUNICODE
    0x58: () => push(cursor.text(cursor.uint32())), // BINUNICODE
    0x8d: () => push(cursor.text(cursor.uint64())), // BINUNICODE8
    0x55: () => push(cursor.text(cursor.uint8())), // SHORT_BINSTRING, of Python 2
    0x54: () => push(cursor.text(cursor.uint32())), // BINSTRING
    0x43: () => push(cursor.bytes(cursor.uint8())), // SHORT_BINBYTES
    0x42: () => push(cursor.bytes(cursor.uint32())), // BINBYTES
    0x8e: () => push(cursor.bytes(cursor.uint64())), // BINBYTES8
    0x96: () => push(cursor.bytes(cursor.uint64())), // BYTEARRAY8
    0x29: () => popTuple(0), // EMPTY_TUPLE
    0x85: () => popTuple(1), // TUPLE1
    0x86: () => popTuple(2), // TUPLE2
    0x87: () => popTuple(3), // TUPLE3
    0x74: () => push({ kind: 'tuple', items: popMark() }), // TUPLE
    0x5d: () => push({ kind: 'list', items: [] }), // EMPTY_LIST
    0x6c: () => push({ kind: 'list', items: popMark() }), // LIST
    0x61: () => append([pop()]), // APPEND
    0x65: () => append(popMark()), // APPENDS
    0x8f: () => push({ kind: 'list', items: [] }), // EMPTY_SET
    0x90: () => append(popMark()), // ADDITEMS
    0x91: () => push({ kind: 'list', items: popMark() }), // FROZENSET
    0x7d: () => push({ kind: 'dict', entries: new Map() }), // EMPTY_DICT
    0x64: () => push(dictOf(popMark())), // DICT
    0x73: () => {
      const value = pop()
      setItems([pop(), value]) // SETITEM
    },
    0x75: () => setItems(popMark()), // SETITEMS
    0x63: () => pushGlobal(cursor.line(), cursor.line()), // GLOBAL
    0x93: () => {
      const name = pop()
      pushGlobal(pop(), name) // STACK_GLOBAL
    },
    0x69: () => {
      const args = popMark()
      pushGlobal(cursor.line(), cursor.line())
      push({ kind: 'tuple', items: args })
      reduce() // INST
    },
    0x52: reduce,
    0x81: reduce, // NEWOBJ: a class called without __init__
    0x62: build,
    0x51: () => push(meaning.load(pop())), // BINPERSID
    0x94: () => remember(memo.size), // MEMOIZE
    0x71: () => remember(cursor.uint8()), // BINPUT
    0x72: () => remember(cursor.uint32()), // LONG_BINPUT
    0x68: () => recall(cursor.uint8()), // BINGET
    0x6a: () => recall(cursor.uint32()), // LONG_BINGET
  }

  for (let count = 0; ; count++) {
    if (count === maxOperations) fail(`has more than ${maxOperations} operations`)
    const code = cursor.uint8()
    if (code === 0x2e) break // STOP
    const operation = operations[code]
    if (operation === undefined)
      throw new UnsupportedDataError(
        `${what} has the opcode 0x${code.toString(16)} at byte ${cursor.position - 1}, which state dicts do not need`,
      )
    operation()
  }
  const result = pop()
  if (stack.length > 0 || marked.length > 0) fail('leaves values behind')
  return result
}
