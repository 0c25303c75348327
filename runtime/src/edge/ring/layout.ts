import { invariant } from '../../message/errors.js'

/**
 * Layout of a ring in shared memory. Little-endian, as is every machine Node runs on in practice.
 *
 * ```
 *      0  +--------------------------------------+
 *         | head     where the consumer reads    |  word   0, written by the consumer
 *    128  +--------------------------------------+
 *         | tail     where the producer writes   |  word  32, written by the producer
 *    256  +--------------------------------------+
 *         | armed    1: the consumer sleeps      |  word  64, set by the consumer, cleared by either
 *    384  +--------------------------------------+
 *         | starved  1: the producer waits       |  word  96, set by the producer, cleared by either
 *    512  +--------------------------------------+
 *         | records  `capacity` bytes            |
 *         +--------------------------------------+
 *
 *         record, aligned to 8 bytes, never across the end of the ring
 *         +------------------+------------------+-------------------------+---------+
 *         | length    int32  | type      int32  | `length` bytes          | padding |
 *         +------------------+------------------+-------------------------+---------+
 * ```
 *
 * Head and tail count bytes since the ring was made, modulo 2^32, and are never reset: `tail - head` bytes are in use,
 * and `position & (capacity - 1)` is the place in the record area. Each word has two cache lines of its own, so that the two
 * threads do not take them from each other.
 */
export const HEAD = 0
export const TAIL = 32
export const ARMED = 64
export const STARVED = 96

export const HEADER_BYTES = 512
const WORDS = HEADER_BYTES / 4
export const RECORD_HEADER_BYTES = 8
const SMALLEST_CAPACITY = 128
const LARGEST_CAPACITY = 2 ** 30

/** Type of the record that fills the rest of the area when the next one does not fit before its end. */
export const PADDING = 0

/** The parts of one ring's shared memory. */
export interface RingMemory {
  readonly words: Int32Array
  /** The record area, as bytes and as words. */
  readonly bytes: Uint8Array
  readonly ints: Int32Array
  readonly capacity: number
}

/** Shared memory for a ring whose record area is `capacity` bytes: a power of two from 128 to 2^30. */
export function createRing(capacity: number): SharedArrayBuffer {
  checkCapacity(capacity)
  return new SharedArrayBuffer(HEADER_BYTES + capacity)
}

export function ringMemory(buffer: ArrayBufferLike): RingMemory {
  const capacity = buffer.byteLength - HEADER_BYTES
  checkCapacity(capacity)
  return {
    words: new Int32Array(buffer, 0, WORDS),
    bytes: new Uint8Array(buffer, HEADER_BYTES, capacity),
    ints: new Int32Array(buffer, HEADER_BYTES, capacity / 4),
    capacity,
  }
}

/** Bytes a record of `length` bytes takes in the ring. */
export function recordBytes(length: number): number {
  return (RECORD_HEADER_BYTES + length + 7) & ~7
}

/**
 * Longest record. A quarter of the ring, so that any record fits an empty ring wherever the empty ring stands
 * (half would do for that), and so that the parts of a long message are written while earlier ones are read.
 */
export function longestRecord(capacity: number): number {
  return capacity / 4 - RECORD_HEADER_BYTES
}

function checkCapacity(capacity: number): void {
  const isPowerOfTwo = capacity > 0 && (capacity & (capacity - 1)) === 0
  invariant(
    isPowerOfTwo && capacity >= SMALLEST_CAPACITY && capacity <= LARGEST_CAPACITY,
    'ring-capacity',
    () => `capacity=${capacity}, expected a power of two from ${SMALLEST_CAPACITY} to ${LARGEST_CAPACITY}`,
  )
}
