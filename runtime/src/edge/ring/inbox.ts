import type { Reassembly } from './parts.js'
import type { RingConsumer } from './ring.js'

/** The receiving side of one ring. */
export class Inbox {
  readonly #ring: RingConsumer
  readonly #reassembly: Reassembly
  readonly #ringDoorbell: () => void

  constructor(ring: RingConsumer, reassembly: Reassembly, ringDoorbell: () => void) {
    this.#ring = ring
    this.#reassembly = reassembly
    this.#ringDoorbell = ringDoorbell
  }

  /** Takes up to `limit` records and hands on the messages they complete; returns how many records. */
  drain(limit: number): number {
    try {
      return this.#ring.drain(this.#reassembly.accept, limit)
    } finally {
      // Also when a handler threw: the records before it are free, and a starved producer waits for just that.
      if (this.#ring.producerStarves()) this.#ringDoorbell()
    }
  }

  /** Asks to be woken by the next record. False: there is one already. */
  arm(): boolean {
    return this.#ring.arm()
  }

  disarm(): void {
    this.#ring.disarm()
  }
}
