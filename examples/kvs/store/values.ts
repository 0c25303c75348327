import { isUtf8 } from 'node:buffer'
import { OvidError } from '@ovid/runtime'

/**
 * What is stored under a key: a sequence of bytes, as in Redis.
 *
 * Bytes that are valid UTF-8 are kept as the string they spell, all others as the bytes themselves. So text stays
 * readable wherever a state or a message is shown, and every sequence of bytes has exactly one form.
 */
export type Value = string | Uint8Array

/** The longest value: what fits in one message (64 MiB) with room left for the key and the envelope. */
export const largestValueBytes = 64 * 1024 * 1024 - 64 * 1024

/** The one form of a sequence of bytes. Bytes that stay bytes are copied: they may be a part of a larger buffer. */
export function valueOfBytes(bytes: Uint8Array): Value {
  if (!isUtf8(bytes)) return new Uint8Array(bytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/**
 * The one form of what a message brings.
 *
 * @throws OvidError `value-too-large`
 */
export function storable(value: Value): Value {
  checkSize(byteLength(value))
  return typeof value === 'string' ? value : valueOfBytes(value)
}

/** Length in bytes. */
export function byteLength(value: Value): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength
}

/** The bytes of a value. */
export function bytesOf(value: Value): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value) : value
}

/**
 * `left` followed by `right`. Bytes may become text here: the second half of a character completes the first.
 *
 * @throws OvidError `value-too-large`
 */
export function joined(left: Value, right: Value): Value {
  checkSize(byteLength(left) + byteLength(right))
  if (typeof left === 'string' && typeof right === 'string') return left + right
  return valueOfBytes(Buffer.concat([bytesOf(left), bytesOf(right)]))
}

function checkSize(bytes: number): void {
  if (bytes <= largestValueBytes) return
  throw new OvidError('value-too-large', `a value has at most ${largestValueBytes} bytes, this one would have ${bytes}`)
}
