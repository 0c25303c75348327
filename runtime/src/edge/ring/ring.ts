import { invariant } from '../../message/errors.js'
import {
  ARMED,
  HEAD,
  longestRecord,
  PADDING,
  RECORD_HEADER_BYTES,
  type RingMemory,
  recordBytes,
  STARVED,
  TAIL,
} from './layout.js'
import { AtomicWords, type SharedWords } from './words.js'

/** What a record's bytes are handed to: `bytes` from `start` to `end` is shared memory and valid during the call only. */
export type RecordHandler = (type: number, bytes: Uint8Array, start: number, end: number) => void

const NOTHING = new Uint8Array(0)

/**
 * The writing end of a ring: one thread only.
 *
 * A full ring is a return value. Who rings the doorbell, and how, is the caller's affair: after every successful offer it
 * asks `consumerSleeps()`.
 */
export class RingProducer {
  /** Longest record `offer` takes, in bytes. */
  readonly longest: number
  readonly #words: SharedWords
  readonly #memory: RingMemory
  #tail: number
  /** Head when last looked at: the consumer may be further, never behind. */
  #headSeen: number

  constructor(memory: RingMemory, words: SharedWords = new AtomicWords(memory.words)) {
    this.#memory = memory
    this.#words = words
    this.longest = longestRecord(memory.capacity)
    this.#tail = words.load(TAIL)
    this.#headSeen = words.load(HEAD)
  }

  /** Publishes one record, `first` followed by `second`. False: there is no room and nothing was written. */
  offer(type: number, first: Uint8Array, second: Uint8Array = NOTHING): boolean {
    const length = first.length + second.length
    invariant(
      type > PADDING && length <= this.longest,
      'ring-offer',
      () => `type=${type} length=${length} longest=${this.longest}`,
    )
    const { bytes, ints, capacity } = this.#memory
    const size = recordBytes(length)
    let at = this.#tail & (capacity - 1)
    const untilEnd = capacity - at
    const skipped = size > untilEnd ? untilEnd : 0
    if (!this.#hasRoom(skipped + size)) return false
    if (skipped > 0) {
      ints[at >> 2] = skipped - RECORD_HEADER_BYTES
      ints[(at >> 2) + 1] = PADDING
      at = 0
    }
    ints[at >> 2] = length
    ints[(at >> 2) + 1] = type
    bytes.set(first, at + RECORD_HEADER_BYTES)
    if (second.length > 0) bytes.set(second, at + RECORD_HEADER_BYTES + first.length)
    this.#tail = (this.#tail + skipped + size) | 0
    // The record is written BEFORE the tail that publishes it.
    this.#words.store(TAIL, this.#tail)
    return true
  }

  /**
   * Like `offer`, but false also means: the consumer will find this producer starved when it next frees room, and
   * rings its doorbell then.
   */
  offerOrStarve(type: number, first: Uint8Array, second: Uint8Array = NOTHING): boolean {
    if (this.offer(type, first, second)) return true
    this.#words.store(STARVED, 1)
    // Room freed BEFORE the flag was up rang no bell: look again after raising it.
    if (!this.offer(type, first, second)) return false
    this.#words.store(STARVED, 0)
    return true
  }

  /** True, once per sleep, if the consumer sleeps: the caller must ring its doorbell. Ask AFTER an offer succeeded. */
  consumerSleeps(): boolean {
    return this.#words.load(ARMED) === 1 && this.#words.exchange(ARMED, 0) === 1
  }

  #hasRoom(size: number): boolean {
    const { capacity } = this.#memory
    if (capacity - ((this.#tail - this.#headSeen) | 0) >= size) return true
    this.#headSeen = this.#words.load(HEAD)
    return capacity - ((this.#tail - this.#headSeen) | 0) >= size
  }
}

/** The reading end of a ring: one thread only. */
export class RingConsumer {
  readonly #words: SharedWords
  readonly #memory: RingMemory
  #head: number

  constructor(memory: RingMemory, words: SharedWords = new AtomicWords(memory.words)) {
    this.#memory = memory
    this.#words = words
    this.#head = words.load(HEAD)
  }

  /**
   * Hands up to `limit` records to `handler`, in order, and frees them; returns how many. A record whose handler throws is
   * consumed, the error goes on to the caller. Ask `producerStarves()` afterwards.
   */
  drain(handler: RecordHandler, limit: number): number {
    const { bytes, ints, capacity } = this.#memory
    const tail = this.#words.load(TAIL)
    const from = this.#head
    let count = 0
    try {
      while (count < limit && this.#head !== tail) {
        const at = this.#head & (capacity - 1)
        const length = ints[at >> 2] as number
        const type = ints[(at >> 2) + 1] as number
        this.#advance(recordBytes(length), tail)
        if (type === PADDING) continue
        count++
        handler(type, bytes, at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length)
      }
    } finally {
      // Records are freed AFTER their handlers are done with the bytes, and once for all of them.
      if (this.#head !== from) this.#words.store(HEAD, this.#head)
    }
    return count
  }

  /** True, once per wait, if the producer waits for room: the caller must ring its doorbell. Ask AFTER `drain`. */
  producerStarves(): boolean {
    return this.#words.load(STARVED) === 1 && this.#words.exchange(STARVED, 0) === 1
  }

  /** Asks to be woken by the next record. False: there is one already and the consumer stays awake. */
  arm(): boolean {
    this.#words.store(ARMED, 1)
    // A record published BEFORE the flag was up rang no bell: look again after raising it.
    if (this.#words.load(TAIL) === this.#head) return true
    this.#words.store(ARMED, 0)
    return false
  }

  /** Takes `arm` back: an awake consumer needs no bell. */
  disarm(): void {
    this.#words.store(ARMED, 0)
  }

  #advance(size: number, tail: number): void {
    const used = (tail - this.#head) | 0
    if (size < RECORD_HEADER_BYTES || size > used) {
      // Nothing beyond this point can be told apart: drop it all rather than read garbage for ever.
      this.#head = tail
      invariant(false, 'ring-record', () => `size=${size} used=${used}`)
    }
    this.#head = (this.#head + size) | 0
  }
}
