import {
  type Binding,
  type DType,
  type GraphValue,
  type HostBuffer,
  type Kernel,
  type LayerGraph,
  type PreparedKernel,
  type QueueEvent,
  type RunShape,
  type Span,
  tensorBytes,
  UsageError,
} from '@flexgen/spec'
import type { BackendLifetime } from '../backend/backend-lifetime.ts'
import { RunBinding } from '../binding/run-binding.ts'
import type { MemoryLedger } from '../memory/memory-ledger.ts'
import type { PlannedRun } from '../queue/host-queue.ts'
import type { KernelWork } from './kernel-work.ts'
import { planRun, type RunMemory } from './plan-run.ts'

/** What kernels need of their backend. */
export interface KernelContext<Held> extends RunMemory {
  readonly ledger: MemoryLedger
  readonly work: KernelWork<Held>
  /** Knows prepared kernels: the end of the backend gives back what they hold. */
  readonly lifetime: BackendLifetime
  /** Lets the event loop turn. */
  readonly pause: (label: string) => Promise<void>
}

/** A weight of prepared kernels, which may share it. */
interface SharedWeight<Held> {
  readonly held: Held
  readonly sizeBytes: number
  /** Prepared kernels that hold it. */
  owners: number
}

type SharedWeights<Held> = ReadonlyMap<string, SharedWeight<Held>>

/** A graph with the weights that it holds, if any, as a prepared kernel: checks and accounting around a backend's work. */
export class HostKernel<Held> implements PreparedKernel {
  readonly graph: LayerGraph
  readonly heldBytes: number
  readonly #context: KernelContext<Held>
  readonly #weights: SharedWeights<Held>
  readonly #held: ReadonlyMap<string, Held>
  readonly #bindings = new WeakSet<Binding>()
  readonly #runs = new Set<QueueEvent>()
  /** Of the last shape: that of the next run is mostly the same. */
  #workspace: (RunShape & { readonly sizeBytes: number }) | undefined
  #disposed = false

  /** Takes over the weights, which the ledger counts already. */
  constructor(context: KernelContext<Held>, graph: LayerGraph, weights: SharedWeights<Held> = new Map()) {
    this.graph = graph
    this.#context = context
    this.#weights = weights
    this.#held = new Map([...weights].map(([name, { held }]) => [name, held]))
    this.heldBytes = [...weights.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    if (weights.size > 0) context.lifetime.kernels.add(this)
  }

  /** Checks a run of a kernel that the backend with this context compiled. @throws {FlexgenError} `USAGE` */
  static plan<Held>(context: KernelContext<Held>, kernel: Kernel, binding: Binding): PlannedRun {
    if (!(kernel instanceof HostKernel) || kernel.#context !== context)
      throw new UsageError('the kernel was compiled by another backend')
    return kernel.#plan(binding)
  }

  createBinding(): Binding {
    this.#assertUsable()
    const binding = new RunBinding()
    this.#bindings.add(binding)
    return binding
  }

  workspaceBytes(shape: RunShape): number {
    return this.#context.ledger.plannedBytes(this.#usedBytes(shape))
  }

  preparedBytes(weightNames: readonly string[]): number {
    const sizes = weightNames.map((name) => this.#context.work.heldBytes(this.graph, this.#weight(name)))
    return sizes.reduce((sum, size) => sum + size, this.heldBytes)
  }

  async prepare(weights: ReadonlyMap<string, Span<HostBuffer>>): Promise<PreparedKernel> {
    this.#assertUsable()
    const { work, table, pause } = this.#context
    const lent = [...weights].map(([name, span]) => {
      const value = this.#weight(name)
      const byteLength = tensorBytes(value.dtype as DType, value.shape as number[])
      const what = `${this.graph.name}: ${name}`
      if (span.byteLength < byteLength)
        throw new UsageError(`${what} needs ${byteLength} bytes, but its span has ${span.byteLength}`)
      return { value, bytes: table.lend({ ...span, byteLength }, 'host', what) }
    })
    await pause(`prepare ${this.graph.name}`)
    this.#assertUsable()
    const added = new Map<string, SharedWeight<Held>>()
    try {
      for (const { value, bytes } of lent) {
        const sizeBytes = work.heldBytes(this.graph, value)
        added.set(value.name, { held: work.hold(this.graph, value, bytes()), sizeBytes, owners: 1 })
      }
    } catch (error) {
      release(work, added)
      throw error
    }
    for (const weight of this.#weights.values()) weight.owners++
    return new HostKernel(this.#context, this.graph, new Map([...this.#weights, ...added]))
  }

  /** Gives back what it holds once its runs have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await Promise.allSettled([...this.#runs].map((event) => event.whenDone()))
    if (this.#context.lifetime.kernels.delete(this)) release(this.#context.work, this.#weights)
  }

  #plan(binding: Binding): PlannedRun {
    this.#assertUsable()
    if (!(binding instanceof RunBinding) || !this.#bindings.has(binding))
      throw new UsageError(`${this.graph.name}: the binding was made by another kernel`)
    const plan = planRun(this.graph, this.#held, binding, this.#context)
    const maxPositions = Math.max(0, ...[...plan.caches.values()].map((cache) => cache.spec.maxPositions))
    const { ledger, work } = this.#context
    const sizeBytes = this.#usedBytes({ ...plan.dimensions, maxPositions })
    const run = async (): Promise<void> => {
      ledger.take('workspace', sizeBytes, `a run of ${this.graph.name}`)
      try {
        await work.execute(this.graph, this.#held, plan)
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

  #usedBytes({ batch, seq, maxPositions }: RunShape): number {
    const last = this.#workspace
    if (last?.batch === batch && last.seq === seq && last.maxPositions === maxPositions) return last.sizeBytes
    const sizeBytes = this.#context.work.workspaceBytes(this.graph, { batch, seq }, maxPositions, this.#held)
    this.#workspace = { batch, seq, maxPositions, sizeBytes }
    return sizeBytes
  }

  #assertUsable(): void {
    this.#context.lifetime.assertOpen()
    if (this.#disposed) throw new UsageError(`the kernel ${this.graph.name} is disposed`)
  }

  #weight(name: string): GraphValue {
    const weight = this.graph.inputs.find((input) => input.name === name && input.role === 'weight')
    if (weight === undefined || this.#weights.has(name))
      throw new UsageError(`${this.graph.name} has no weight ${name} that could be prepared`)
    return weight
  }
}

/** Gives weights back that no other prepared kernel holds. */
function release<Held>(work: KernelWork<Held>, weights: SharedWeights<Held>): void {
  for (const weight of weights.values()) if (--weight.owners === 0) work.release(weight.held, weight.sizeBytes)
}
