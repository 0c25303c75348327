import Denque from 'denque'
import { type Outgoing, offerParts, WHOLE } from './parts.js'
import type { RingProducer } from './ring.js'

/** The sending side of one ring: what does not fit waits here, in order. */
export class Outbox {
  readonly #ring: RingProducer
  readonly #ringDoorbell: () => void
  readonly #waiting = new Denque<Outgoing>()

  constructor(ring: RingProducer, ringDoorbell: () => void) {
    this.#ring = ring
    this.#ringDoorbell = ringDoorbell
  }

  /** Messages that wait for room. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Sends `head` followed by `body` as one message. Both may be overwritten after the call. */
  send(head: Uint8Array, body: Uint8Array): void {
    const length = head.length + body.length
    const isFirst = this.#waiting.length === 0
    if (isFirst && length <= this.#ring.longest && this.#ring.offer(WHOLE, head, body)) {
      if (this.#ring.consumerSleeps()) this.#ringDoorbell()
      return
    }
    const bytes = new Uint8Array(length)
    bytes.set(head)
    bytes.set(body, head.length)
    this.#waiting.push({ bytes, sent: 0 })
    if (isFirst) this.retry()
  }

  /** Moves what waits into the ring, as far as there is room. True: something moved. */
  retry(): boolean {
    let moved = false
    for (let next = this.#waiting.peekFront(); next !== undefined; next = this.#waiting.peekFront()) {
      const before = next.sent
      const isIn = offerParts(this.#ring, next)
      moved ||= isIn || next.sent > before
      if (!isIn) break
      this.#waiting.shift()
    }
    // Also when the ring is full again: a sleeping consumer would never make room.
    if (moved && this.#ring.consumerSleeps()) this.#ringDoorbell()
    return moved
  }

  /** Forgets what waits; returns how many messages that were. */
  clear(): number {
    const dropped = this.#waiting.length
    this.#waiting.clear()
    return dropped
  }
}
