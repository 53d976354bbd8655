import { planRun, type PlannedRun, RunBinding, type RunMemory } from '@flexgen/backend-kit'
import {
  type Binding,
  type DType,
  elementCount,
  type GraphValue,
  type HostBuffer,
  type Kernel,
  type LayerGraph,
  type PreparedKernel,
  type Queue,
  type QueueEvent,
  type RunShape,
  type Span,
  tensorBytes,
  UsageError,
} from '@flexgen/spec'
import type { MemoryLedger } from '../memory/memory-ledger.ts'
import { widenWeight } from './create-weight-rows.ts'
import { executeRun, type HeldWeight, type HeldWeights } from './execute-run.ts'
import { workspaceBytes } from './workspace-bytes.ts'

/** What kernels need of their backend. */
export interface KernelContext extends RunMemory {
  readonly ledger: MemoryLedger
  /** Queues that have operations: the end of the backend waits for them. */
  readonly busyQueues: Set<Queue>
  /** @throws {FlexgenError} `USAGE` once the backend is disposed */
  readonly assertOpen: () => void
  /** Lets the event loop turn, or waits as long as the tests want it. */
  readonly pause: (label: string) => Promise<void>
}

/** Checks a run of a kernel that the backend with this context compiled. @throws {FlexgenError} `USAGE` */
export function planOf(context: KernelContext, kernel: Kernel, binding: Binding): PlannedRun {
  if (!(kernel instanceof ReferenceKernel) || !kernel.isOf(context))
    throw new UsageError('the kernel was compiled by another backend')
  return kernel.plan(binding)
}

/** A graph that runs node by node; with the weights it holds, if any, as a prepared kernel. */
export class ReferenceKernel implements PreparedKernel {
  readonly graph: LayerGraph
  readonly heldBytes: number
  readonly #context: KernelContext
  readonly #held: HeldWeights
  readonly #bindings = new WeakSet<Binding>()
  readonly #runs = new Set<QueueEvent>()
  #disposed = false

  /** Takes over the weights; their bytes are already counted in the ledger. */
  constructor(context: KernelContext, graph: LayerGraph, held: HeldWeights) {
    this.graph = graph
    this.#context = context
    this.#held = held
    this.heldBytes = [...held.values()].reduce((sum, { values }) => sum + values.byteLength, 0)
  }

  /** Whether the backend with this context compiled it. */
  isOf(context: KernelContext): boolean {
    return this.#context === context
  }

  createBinding(): Binding {
    this.#assertUsable()
    const binding = new RunBinding()
    this.#bindings.add(binding)
    return binding
  }

  workspaceBytes({ batch, seq, maxPositions }: RunShape): number {
    return workspaceBytes(this.graph, { batch, seq }, maxPositions, this.#held)
  }

  preparedBytes(weightNames: readonly string[]): number {
    const sizes = weightNames.map((name) => 4 * elementCount(this.#weight(name).shape as number[]))
    return sizes.reduce((sum, size) => sum + size, this.heldBytes)
  }

  async prepare(weights: ReadonlyMap<string, Span<HostBuffer>>): Promise<PreparedKernel> {
    this.#assertUsable()
    const lent = [...weights].map(([name, span]) => {
      const { dtype, shape } = this.#weight(name)
      const byteLength = tensorBytes(dtype as DType, shape as number[])
      if (span.byteLength < byteLength)
        throw new UsageError(
          `${this.graph.name}: ${name} needs ${byteLength} bytes, but its span has ${span.byteLength}`,
        )
      const bytes = this.#context.table.lend({ ...span, byteLength }, 'host', `${this.graph.name}: ${name}`)
      return { name, dtype: dtype as DType, shape: shape as number[], bytes }
    })
    await this.#context.pause(`prepare ${this.graph.name}`)
    this.#context.assertOpen()
    // What this kernel holds already is copied and counted once more: each kernel owns what it holds.
    this.#context.ledger.take('prepared', this.preparedBytes([...weights.keys()]), `preparing ${this.graph.name}`)
    const held: Map<string, HeldWeight> = new Map(this.#held)
    for (const [name, { values, shape }] of held) held.set(name, { values: values.slice(), shape })
    for (const { name, dtype, shape, bytes } of lent)
      held.set(name, { values: widenWeight(bytes(), dtype, shape), shape })
    return new ReferenceKernel(this.#context, this.graph, held)
  }

  /**
   * Checks a run and gives what does it later.
   * @throws {FlexgenError} `USAGE` for a bad binding
   */
  plan(binding: Binding): PlannedRun {
    this.#assertUsable()
    if (!(binding instanceof RunBinding) || !this.#bindings.has(binding))
      throw new UsageError(`${this.graph.name}: the binding was made by another kernel`)
    const plan = planRun(this.graph, this.#held, binding, this.#context)
    const maxPositions = Math.max(0, ...[...plan.caches.values()].map((cache) => cache.spec.maxPositions))
    const sizeBytes = workspaceBytes(this.graph, plan.dimensions, maxPositions, this.#held)
    const { ledger } = this.#context
    const run = (): void => {
      ledger.take('workspace', sizeBytes, `a run of ${this.graph.name}`)
      try {
        executeRun(this.graph, this.#held, plan)
      } finally {
        ledger.give('workspace', sizeBytes)
      }
    }
    const hold = (event: QueueEvent): void => {
      binding.hold(event)
      this.#runs.add(event)
      event.onSettled(() => this.#runs.delete(event))
    }
    return { run, hold }
  }

  /** Gives back what it holds once its runs have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await Promise.allSettled([...this.#runs].map((event) => event.whenDone()))
    this.#context.ledger.give('prepared', this.heldBytes)
  }

  #assertUsable(): void {
    this.#context.assertOpen()
    if (this.#disposed) throw new UsageError(`the kernel ${this.graph.name} is disposed`)
  }

  #weight(name: string): GraphValue {
    const weight = this.graph.inputs.find((input) => input.name === name && input.role === 'weight')
    if (weight === undefined || this.#held.has(name))
      throw new UsageError(`${this.graph.name} has no weight ${name} that could be prepared`)
    return weight
  }
}
