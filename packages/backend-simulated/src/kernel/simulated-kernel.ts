import {
  type Binding,
  type DType,
  type HostBuffer,
  type LayerGraph,
  type PreparedKernel,
  type QueueEvent,
  type RunShape,
  type Span,
  UsageError,
} from '@flexgen/spec'
import type { MemoryLedger } from '../memory/memory-ledger.ts'
import type { MemoryTable } from '../memory/memory-table.ts'
import { memoryOf, oneBits, type Word } from '../memory/simulated-memory.ts'
import type { Hold } from '../time/operation.ts'
import { attendedPositions } from './attended-positions.ts'
import { checkBinding, checkCaches } from './check-binding.ts'
import type { ComputeTimes } from './compute-times.ts'
import { type BoundValue, boundValues, heldBytes, valueBytes } from './graph-values.ts'
import { GraphWork } from './graph-work.ts'
import { SimulatedBinding } from './simulated-binding.ts'

/** What kernels need of their backend. */
export interface KernelContext {
  readonly ledger: MemoryLedger
  readonly table: MemoryTable
  readonly times: ComputeTimes
  readonly computeDtype: DType
  /** The id that greedy decoding finds next. */
  readonly nextToken: (vocabularySize: number) => number
  /** @throws {FlexgenError} `USAGE` once the backend is disposed */
  readonly assertOpen: () => void
  /** Takes the time that weights need to get to their kernel. */
  readonly upload: (sizeBytes: number) => Promise<void>
}

/** A run that was checked. */
export interface PlannedRun {
  readonly seconds: number
  readonly hold: Hold
  /** Binds the run's inputs and outputs until the event has ended. */
  readonly bind: (event: QueueEvent) => void
}

/** A graph and how long its runs take. */
export class SimulatedKernel implements PreparedKernel {
  readonly graph: LayerGraph
  /** Of its runs in the trace. */
  readonly label: string
  readonly heldBytes: number
  /** Whether it starts a sweep: it reads the ids. */
  readonly readsIds: boolean
  readonly #context: KernelContext
  readonly #held: ReadonlySet<string>
  /** What runs bind: all but the held weights. */
  readonly #values: readonly BoundValue[]
  readonly #places: ReadonlyMap<string, number>
  readonly #work: GraphWork
  readonly #lengthsPlace: number | undefined
  readonly #logitsPlace: number | undefined
  /** Of the ids of the largest logits, where the graph chooses them. */
  readonly #idsPlace: number | undefined
  readonly #bindings = new WeakSet<Binding>()
  readonly #workspaceBytes = new Map<number, number>()
  #lastRun: QueueEvent | undefined
  #isDisposed = false

  constructor(context: KernelContext, graph: LayerGraph, held: ReadonlySet<string>) {
    this.graph = graph
    this.label = `run ${graph.name}`
    this.#context = context
    this.#held = held
    const all = boundValues(graph)
    this.#values = all.filter(({ name }) => !held.has(name))
    this.#places = new Map(this.#values.map(({ name }, i) => [name, i]))
    this.#work = new GraphWork(graph, context.times, context.computeDtype, held)
    this.#lengthsPlace = this.#places.get('lengths')
    this.#logitsPlace = graph.outputs.some(({ name }) => name === 'logits') ? this.#places.get('logits') : undefined
    const chooser = graph.nodes.find(({ operator, inputs }) => operator === 'ArgMax' && inputs[0] === 'logits')
    this.#idsPlace = chooser && this.#places.get(chooser.outputs[0]!)
    this.readsIds = graph.inputs.some(({ name, role }) => name === 'ids' && role === 'system')
    this.heldBytes = all
      .filter(({ name }) => held.has(name))
      .reduce((sum, value) => sum + heldBytes(value, context.computeDtype), 0)
  }

  /** Whether the backend with this context compiled it. */
  isOf(context: KernelContext): boolean {
    return this.#context === context
  }

  /** Whether it makes logits, and so ends a sweep of a batch. */
  get makesLogits(): boolean {
    return this.#logitsPlace !== undefined
  }

  createBinding(): Binding {
    this.#assertUsable()
    const binding = new SimulatedBinding(this.#values, this.#places, new Set(this.graph.caches.map(({ name }) => name)))
    this.#bindings.add(binding)
    return binding
  }

  workspaceBytes({ batch, seq }: RunShape): number {
    const key = batch * 2 ** 24 + seq
    const known = this.#workspaceBytes.get(key)
    if (known !== undefined) return known
    const sizeBytes = this.#work.workspaceBytes(batch, seq)
    this.#workspaceBytes.set(key, sizeBytes)
    return sizeBytes
  }

  preparedBytes(weightNames: readonly string[]): number {
    return weightNames.reduce(
      (sum, name) => sum + heldBytes(this.#weight(name), this.#context.computeDtype),
      this.heldBytes,
    )
  }

  async prepare(weights: ReadonlyMap<string, Span<HostBuffer>>): Promise<PreparedKernel> {
    this.#assertUsable()
    let sizeBytes = 0
    for (const [name, span] of weights) {
      const { dtype, shape } = this.#weight(name)
      const byteLength = valueBytes(dtype, shape as number[])
      if (span.byteLength < byteLength) {
        throw new UsageError(`${this.graph.name}: ${name} needs ${byteLength} bytes, its span has ${span.byteLength}`)
      }
      this.#context.table.check(span, 'host', name)
      sizeBytes += byteLength
    }
    const { ledger } = this.#context
    const held = this.preparedBytes([...weights.keys()])
    ledger.take('prepared', held, `preparing ${this.graph.name}`)
    try {
      await this.#context.upload(sizeBytes)
      this.#context.assertOpen()
    } catch (error) {
      ledger.give('prepared', held)
      throw error
    }
    return new SimulatedKernel(this.#context, this.graph, new Set([...this.#held, ...weights.keys()]))
  }

  /**
   * Checks a run and says what it takes. What it writes that anybody reads, logits and ids, is written now: nobody looks
   * before the run has ended.
   * @throws {FlexgenError} `USAGE` for a bad binding
   */
  plan(binding: Binding): PlannedRun {
    this.#assertUsable()
    if (!(binding instanceof SimulatedBinding) || !this.#bindings.has(binding)) {
      throw new UsageError(`${this.graph.name}: the binding was made by another kernel`)
    }
    binding.assertUsable()
    const { table, ledger } = this.#context
    const { batch, seq } = checkBinding(this.graph, this.#values, binding, table)
    const cache = checkCaches(this.graph, binding, batch, table)
    const lengths = this.#lengthsPlace === undefined ? undefined : binding.spans[this.#lengthsPlace]
    const attended = attendedPositions(lengths, cache === undefined ? 0 : batch, cache?.spec.maxPositions ?? 0)
    const seconds = this.#work.seconds({ batch, seq, attended, cacheDtype: cache?.spec.dtype })
    if (this.#logitsPlace !== undefined) this.#writeTokens(binding, this.#logitsPlace)
    const sizeBytes = this.workspaceBytes({ batch, seq, maxPositions: 0 })
    const what = this.graph.name
    return {
      seconds,
      hold: {
        begin: () => ledger.take('workspace', sizeBytes, what),
        end: () => ledger.give('workspace', sizeBytes),
      },
      bind: (event) => {
        binding.hold(event)
        this.#lastRun = event
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return
    this.#isDisposed = true
    if (this.#lastRun !== undefined && !this.#lastRun.isDone()) await this.#lastRun.whenDone().catch(() => undefined)
    if (this.heldBytes > 0) this.#context.ledger.give('prepared', this.heldBytes)
  }

  /** Draws a token for every position: its logit is one, all others zero. */
  #writeTokens({ spans, shapes }: SimulatedBinding, logitsPlace: number): void {
    const [rows, positions, vocabulary] = shapes[logitsPlace] as [number, number, number]
    const tokens = Array.from({ length: rows * positions }, () => this.#context.nextToken(vocabulary))
    const write = (place: number, width: number, wordOf: (token: number, row: number) => Word): void => {
      const { buffer, byteOffset } = spans[place]!
      const first = byteOffset / 4
      const words = tokens.map(wordOf).map(({ at, bits }) => ({ at: first + at, bits }))
      memoryOf(buffer)?.setWords(words, first, tokens.length * width)
    }
    write(logitsPlace, vocabulary, (token, row) => ({ at: row * vocabulary + token, bits: oneBits }))
    if (this.#idsPlace !== undefined) write(this.#idsPlace, 1, (token, row) => ({ at: row, bits: token }))
  }

  #weight(name: string): BoundValue {
    const value = this.#values.find((other) => other.name === name)
    if (value?.isWeight !== true) throw new UsageError(`${this.graph.name} has no weight ${name} that is bound`)
    return value
  }

  #assertUsable(): void {
    this.#context.assertOpen()
    if (this.#isDisposed) throw new UsageError(`the kernel ${this.graph.name} was disposed`)
  }
}
