import { planRun, type PlannedRun, RunBinding, type RunMemory } from '@flexgen/backend-kit'
import {
  type Binding,
  type DType,
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
import { setImmediate } from 'node:timers/promises'
import type { TensorEngine } from '../engine/tensor-engine.ts'
import type { MemoryLedger } from '../memory/memory-ledger.ts'
import { executeRun } from './execute-run.ts'
import { heldBytes, type HeldWeight, type HeldWeights, holdWeight, releaseWeights } from './held-weights.ts'
import { workspaceBytes } from './workspace-bytes.ts'

/** What kernels need of their backend. */
export interface KernelContext extends RunMemory {
  readonly engine: TensorEngine
  readonly ledger: MemoryLedger
  /** Queues that have operations: the end of the backend waits for them. */
  readonly busyQueues: Set<Queue>
  /** Prepared kernels: the end of the backend gives back what they hold. */
  readonly prepared: Set<TfjsKernel>
  /** @throws {FlexgenError} `USAGE` once the backend is disposed */
  readonly assertOpen: () => void
}

/** Checks a run of a kernel that the backend with this context compiled. @throws {FlexgenError} `USAGE` */
export function planOf(context: KernelContext, kernel: Kernel, binding: Binding): PlannedRun {
  if (!(kernel instanceof TfjsKernel) || !kernel.isOf(context))
    throw new UsageError('the kernel was compiled by another backend')
  return kernel.plan(binding)
}

/** A graph that runs node by node; with the weights it holds, if any, as a prepared kernel. */
export class TfjsKernel implements PreparedKernel {
  readonly graph: LayerGraph
  readonly heldBytes: number
  readonly #context: KernelContext
  readonly #held: HeldWeights
  readonly #bindings = new WeakSet<Binding>()
  readonly #runs = new Set<QueueEvent>()
  #disposed = false

  /** Takes over the weights, which the ledger counts already. */
  constructor(context: KernelContext, graph: LayerGraph, held: HeldWeights) {
    this.graph = graph
    this.#context = context
    this.#held = held
    this.heldBytes = [...held.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    if (held.size > 0) context.prepared.add(this)
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
    const { engine } = this.#context
    const usedBytes = workspaceBytes(this.graph, { batch, seq }, maxPositions, this.#held, engine)
    return engine.arena?.plannedBytes(usedBytes) ?? usedBytes
  }

  preparedBytes(weightNames: readonly string[]): number {
    const sizes = weightNames.map((name) => heldBytes(this.graph, this.#weight(name), this.#context.engine))
    return sizes.reduce((sum, size) => sum + size, this.heldBytes)
  }

  async prepare(weights: ReadonlyMap<string, Span<HostBuffer>>): Promise<PreparedKernel> {
    this.#assertUsable()
    const { engine, ledger, table } = this.#context
    const lent = [...weights].map(([name, span]) => {
      const value = this.#weight(name)
      const byteLength = tensorBytes(value.dtype as DType, value.shape as number[])
      const what = `${this.graph.name}: ${name}`
      if (span.byteLength < byteLength)
        throw new UsageError(`${what} needs ${byteLength} bytes, but its span has ${span.byteLength}`)
      return { value, bytes: table.lend({ ...span, byteLength }, 'host', what) }
    })
    await setImmediate()
    this.#assertUsable()
    const added = new Map<string, HeldWeight>()
    try {
      for (const { value, bytes } of lent) added.set(value.name, holdWeight(this.graph, value, bytes(), engine, ledger))
    } catch (error) {
      releaseWeights(added, engine, ledger)
      throw error
    }
    for (const weight of this.#held.values()) weight.owners++
    return new TfjsKernel(this.#context, this.graph, new Map([...this.#held, ...added]))
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
    const { engine, ledger } = this.#context
    const sizeBytes = workspaceBytes(this.graph, plan.dimensions, maxPositions, this.#held, engine)
    const run = async (): Promise<void> => {
      ledger.take('workspace', sizeBytes, `a run of ${this.graph.name}`)
      try {
        await executeRun(this.graph, this.#held, plan, engine)
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
    const { engine, ledger, prepared } = this.#context
    if (prepared.delete(this)) releaseWeights(this.#held, engine, ledger)
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
