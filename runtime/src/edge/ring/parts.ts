import { OvidError } from '../../message/errors.js'
import type { RecordHandler, RingProducer } from './ring.js'

/**
 * Messages of any length through a ring of fixed size.
 *
 * ```
 * WHOLE  | message                                  |
 * FIRST  | length of the message, float64 | bytes   |   then as many as it takes of
 * REST   | bytes                                    |
 * ```
 *
 * The parts of a message follow each other: nothing comes between them, so the reader needs no message number.
 */
export const WHOLE = 1
const FIRST = 2
const REST = 3
const LENGTH_BYTES = 8

/** A message on its way into a ring; `sent` bytes of it are in. */
export interface Outgoing {
  readonly bytes: Uint8Array
  sent: number
}

/**
 * Puts as much of `outgoing` into the ring as there is room for. True: all of it is in. False: the ring is full and the
 * producer starves; call again after its doorbell rang.
 */
export function offerParts(ring: RingProducer, outgoing: Outgoing): boolean {
  const { bytes } = outgoing
  if (outgoing.sent === 0) {
    if (bytes.length <= ring.longest) return offerNext(ring, outgoing, WHOLE, bytes)
    const length = new Uint8Array(new Float64Array([bytes.length]).buffer)
    if (!offerNext(ring, outgoing, FIRST, bytes.subarray(0, ring.longest - LENGTH_BYTES), length)) return false
  }
  while (outgoing.sent < bytes.length) {
    if (!offerNext(ring, outgoing, REST, bytes.subarray(outgoing.sent, outgoing.sent + ring.longest))) return false
  }
  return true
}

function offerNext(
  ring: RingProducer,
  outgoing: Outgoing,
  type: number,
  part: Uint8Array,
  length?: Uint8Array,
): boolean {
  const placed = length === undefined ? ring.offerOrStarve(type, part) : ring.offerOrStarve(type, length, part)
  if (placed) outgoing.sent += part.length
  return placed
}

export interface ReassemblyOptions {
  /** Longer messages are skipped and reported. */
  readonly limitBytes: number
  /** Takes a message: `bytes` from `start` to `end`, shared memory that is valid during the call only. */
  readonly onMessage: (bytes: Uint8Array, start: number, end: number) => void
  /** Told why a message, or a record that belongs to none, is skipped. */
  readonly onBroken: (error: OvidError) => void
}

/**
 * Puts messages together again. A whole one is handed on where it lies in the ring, without a copy; one that came in parts
 * lies in memory of its own.
 */
export class Reassembly {
  readonly #options: ReassemblyOptions
  /** The message under way; undefined while one that cannot be held is skipped. */
  #message: Uint8Array | undefined
  /** Length of the message under way; 0 between messages. */
  #length = 0
  #received = 0

  constructor(options: ReassemblyOptions) {
    this.#options = options
  }

  /** Takes the next record of the ring. */
  readonly accept: RecordHandler = (type, bytes, start, end) => {
    if (type === WHOLE && this.#length === 0) this.#options.onMessage(bytes, start, end)
    else if (type === FIRST && this.#length === 0) this.#begin(bytes, start, end)
    else if (type === REST && this.#received + end - start <= this.#length) this.#append(bytes, start, end)
    else
      this.#options.onBroken(
        new OvidError('malformed', `a record of type ${type} does not continue the message under way`),
      )
  }

  #begin(bytes: Uint8Array, start: number, end: number): void {
    this.#length = new Float64Array(bytes.slice(start, start + LENGTH_BYTES).buffer)[0] as number
    this.#received = 0
    this.#message = this.#allocate(this.#length)
    this.#append(bytes, start + LENGTH_BYTES, end)
  }

  #allocate(length: number): Uint8Array | undefined {
    const { limitBytes, onBroken } = this.#options
    if (length > limitBytes) {
      onBroken(new OvidError('message-too-large', `a message of ${length} bytes arrived, the limit is ${limitBytes}`))
      return undefined
    }
    try {
      return new Uint8Array(length)
    } catch {
      onBroken(new OvidError('message-too-large', `there is no memory for a message of ${length} bytes`))
      return undefined
    }
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    this.#message?.set(bytes.subarray(start, end), this.#received)
    this.#received += end - start
    if (this.#received < this.#length) return
    const message = this.#message
    this.#message = undefined
    this.#length = 0
    if (message !== undefined) this.#options.onMessage(message, 0, message.length)
  }
}
