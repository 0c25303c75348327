import type { Message } from '../../message/envelope.js'
import { invariant, OvidError } from '../../message/errors.js'
import { AddressDecoder, AddressEncoder } from './address-cache.js'
import { decodeBody, encodeBodyShared, messageLimitBytes } from './body.js'

/**
 * A message in bytes. Numbers are little-endian; a body of no bytes is undefined.
 *
 * ```
 *   0         4                8                 16                 24
 *   +---------+----------------+-----------------+------------------+- - - - - - -+- - - - - -+
 *   | address | hash of the    | sequence        | correlation      | address     | body      |
 *   | length  | address bytes  |                 |                  | address.ts  | msgpack   |
 *   | uint32  | uint32         | uint32 low,high | uint32 low,high  |             |           |
 *   +---------+----------------+-----------------+------------------+- - - - - - -+- - - - - -+
 * ```
 *
 * The address repeats from message to message, so both ends remember addresses (`address-cache.ts`), and a message costs
 * its two numbers and its body.
 */
const HEADER_BYTES = 24
const SEQUENCE = 8
const CORRELATION = 16
const TWO_TO_32 = 2 ** 32

/** Longest message that carries captured state: the box's own, whose type begins with '$', on the data lane. */
export const stateLimitBytes = 2 ** 31

export { messageLimitBytes }

const addresses = new AddressEncoder(HEADER_BYTES, (bytes, addressBytes, hash) => {
  writeUint32(bytes, 0, addressBytes)
  writeUint32(bytes, 4, hash)
})
const knownAddresses = new AddressDecoder()

/** A message in two pieces, to be written one after the other. */
export interface EncodedMessage {
  readonly head: Uint8Array
  readonly body: Uint8Array
}

/**
 * Encodes without copying: both pieces are valid until the next call only: they are used again.
 *
 * @throws OvidError 'not-plain-data', 'message-too-large'
 */
export function encodeMessageShared(message: Message): EncodedMessage {
  const limitBytes = message.lane === 'data' && message.type.startsWith('$') ? stateLimitBytes : messageLimitBytes
  const head = addresses.encode(message)
  writeInteger(head, SEQUENCE, message.sequence, 'sequence')
  writeInteger(head, CORRELATION, message.correlation, 'correlation')
  return { head, body: encodeBodyShared(message.body, limitBytes - head.length) }
}

/** Encodes into bytes of the message's own. Throws as `encodeMessageShared` does. */
export function encodeMessage(message: Message): Uint8Array {
  const { head, body } = encodeMessageShared(message)
  const bytes = new Uint8Array(head.length + body.length)
  bytes.set(head)
  bytes.set(body, head.length)
  return bytes
}

/**
 * Decodes the message that lies in `bytes` from `start` to `end`. Nothing of the result lies in `bytes`.
 *
 * @throws OvidError 'malformed'
 */
export function decodeMessage(bytes: Uint8Array, start = 0, end = bytes.length): Message {
  if (end - start < HEADER_BYTES) throw new OvidError('malformed', `a message of ${end - start} bytes`)
  const bodyStart = start + HEADER_BYTES + readUint32(bytes, start)
  if (bodyStart > end) throw new OvidError('malformed', 'the address of a message is longer than the message')
  const address = knownAddresses.decode(bytes, start + HEADER_BYTES, bodyStart, readUint32(bytes, start + 4))
  return {
    kind: address.kind,
    lane: address.lane,
    from: address.from,
    incarnation: address.incarnation,
    to: address.to,
    name: address.name,
    sequence: readInteger(bytes, start + SEQUENCE),
    correlation: readInteger(bytes, start + CORRELATION),
    path: address.path,
    origin: address.origin,
    as: address.as,
    type: address.type,
    body: decodeBody(bytes.subarray(bodyStart, end)),
  }
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

function readUint32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  const high = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8)
  return (low | (high << 16)) >>> 0
}

function writeInteger(bytes: Uint8Array, at: number, value: number, field: string): void {
  invariant(Number.isSafeInteger(value) && value >= 0, 'message-number', () => `${field}=${value}`)
  writeUint32(bytes, at, value)
  writeUint32(bytes, at + 4, Math.floor(value / TWO_TO_32))
}

function readInteger(bytes: Uint8Array, at: number): number {
  const value = readUint32(bytes, at) + TWO_TO_32 * readUint32(bytes, at + 4)
  if (!Number.isSafeInteger(value)) throw new OvidError('malformed', `number ${value} in the header of a message`)
  return value
}
