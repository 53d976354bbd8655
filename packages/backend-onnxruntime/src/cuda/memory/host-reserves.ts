import type { HostNeed, HostReserve } from '@flexgen/spec'

/** What all users of one backend are going to hold in host memory. */
export class HostReserves {
  readonly #needs = new Map<HostReserve, HostNeed>()
  readonly #onChange: () => void

  /** @param onChange told of every change */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** Sums of all reserves. */
  get need(): HostNeed {
    let [totalBytes, readyBytes] = [0, 0]
    for (const need of this.#needs.values()) {
      totalBytes += need.totalBytes
      readyBytes += need.readyBytes
    }
    return { totalBytes, readyBytes }
  }

  add(need: HostNeed): HostReserve {
    const set = (changed: HostNeed): void => {
      this.#needs.set(reserve, changed)
      this.#onChange()
    }
    const reserve: HostReserve = {
      resize: (changed) => {
        if (this.#needs.has(reserve)) set(changed)
      },
      [Symbol.dispose]: () => {
        if (this.#needs.delete(reserve)) this.#onChange()
      },
    }
    set(need)
    return reserve
  }
}
