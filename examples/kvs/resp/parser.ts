import { splitInline } from './inline.js'

/**
 * Reads requests of the Redis protocol (RESP2, https://redis.io/docs/latest/develop/reference/protocol-spec/):
 *
 *     *2\r\n $3\r\nGET\r\n $1\r\na\r\n      an array of bulk strings
 *     GET a\r\n                             an inline command
 *
 * Why not the npm package redis-parser: it reads *replies*. It knows no inline commands, takes any length a peer
 * claims (`*2000000000` reserves the array at once), does not check lengths to be numbers, and puts no bound on what
 * it collects. A server needs all four; the tests use that package to read what this server replies.
 */

const lineFeed = 0x0a
const carriageReturn = 0x0d
const asterisk = 0x2a
const dollar = 0x24

/** Redis's own bounds. */
const longestLineBytes = 64 * 1024
const largestCount = 1024 * 1024

/** Bound of a request's arguments together: Redis bounds what it collects for a client likewise, by 1 GiB. */
const longestRequestBytes = 128 * 1024 * 1024

/** What an argument costs beside its bytes: so that a million empty ones count as what they take. */
const argumentOverheadBytes = 64

const nothing = Buffer.alloc(0)

/** The peer does not speak the protocol, or asks for more than is allowed. The connection cannot go on. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

/** Incremental: `push` what arrives, in any pieces, and take requests by `next` until it has no more. */
export class RequestParser {
  readonly #longestArgumentBytes: number
  #buffer: Buffer = nothing
  #offset = 0
  /** No line feed stands before here: a line that arrives in pieces is searched once. */
  #searched = 0
  /** Arguments of the request under way, how many are missing, and what it has cost. */
  #request: Buffer[] = []
  #missing = 0
  #requestBytes = 0
  /** Length of the argument under way; undefined while its header is awaited. */
  #argumentBytes: number | undefined
  /** An argument that spans pieces. Grows with what has arrived, not with what was claimed. */
  #partial: Buffer = nothing
  #filledBytes = 0

  constructor(longestArgumentBytes: number) {
    this.#longestArgumentBytes = longestArgumentBytes
  }

  push(piece: Buffer): void {
    if (this.#offset === this.#buffer.length) {
      this.#buffer = piece
      this.#searched = 0
    } else {
      this.#searched -= this.#offset
      this.#buffer = Buffer.concat([this.#buffer.subarray(this.#offset), piece])
    }
    this.#offset = 0
  }

  /**
   * The arguments of the next request, never none; undefined if it is not there yet. They may share memory with
   * what was pushed.
   *
   * @throws ProtocolError
   */
  next(): Buffer[] | undefined {
    for (;;) {
      if (this.#missing > 0) return this.#readArguments()
      if (this.#offset === this.#buffer.length) return undefined
      if (this.#buffer[this.#offset] !== asterisk) {
        const line = this.#readLine('too big inline request')
        if (line === undefined) return undefined
        const request = inlineArguments(line)
        if (request.length > 0) return request
      } else {
        const line = this.#readLine('too big mbulk count string')
        if (line === undefined) return undefined
        this.#begin(lengthIn(line))
      }
    }
  }

  /** Redis skips arrays of no elements, and null arrays. */
  #begin(count: number | undefined): void {
    if (count === undefined || count > largestCount) throw new ProtocolError('invalid multibulk length')
    this.#request = []
    this.#missing = Math.max(count, 0)
    this.#requestBytes = 0
  }

  #readArguments(): Buffer[] | undefined {
    while (this.#missing > 0) {
      this.#argumentBytes ??= this.#readArgumentHeader()
      if (this.#argumentBytes === undefined) return undefined
      const argument = this.#readArgument(this.#argumentBytes)
      if (argument === undefined) return undefined
      this.#request.push(argument)
      this.#argumentBytes = undefined
      this.#missing--
    }
    return this.#request
  }

  #readArgumentHeader(): number | undefined {
    const first = this.#buffer[this.#offset]
    if (first === undefined) return undefined
    if (first !== dollar) {
      throw new ProtocolError(`expected '$', got '${String.fromCharCode(first)}'`)
    }
    const line = this.#readLine('too big bulk count string')
    if (line === undefined) return undefined
    const length = lengthIn(line)
    // Checked when it is announced, before any of it is kept.
    if (length === undefined || length < 0 || length > this.#longestArgumentBytes) {
      throw new ProtocolError('invalid bulk length')
    }
    this.#requestBytes += length + argumentOverheadBytes
    if (this.#requestBytes > longestRequestBytes) throw new ProtocolError('too big request')
    return length
  }

  /** The argument without its line end, if all of both is there. */
  #readArgument(length: number): Buffer | undefined {
    const whole = length + 2
    if (this.#filledBytes === 0 && this.#buffer.length - this.#offset >= whole) {
      const argument = this.#buffer.subarray(this.#offset, this.#offset + whole)
      this.#offset += whole
      return withoutLineEnd(argument)
    }
    this.#collect(whole)
    if (this.#filledBytes < whole) return undefined
    const argument = this.#partial.subarray(0, whole)
    this.#partial = nothing
    this.#filledBytes = 0
    return withoutLineEnd(argument)
  }

  #collect(whole: number): void {
    const taken = Math.min(whole - this.#filledBytes, this.#buffer.length - this.#offset)
    const needed = this.#filledBytes + taken
    if (needed > this.#partial.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(whole, Math.max(2 * needed, longestLineBytes)))
      this.#partial.copy(larger, 0, 0, this.#filledBytes)
      this.#partial = larger
    }
    this.#buffer.copy(this.#partial, this.#filledBytes, this.#offset, this.#offset + taken)
    this.#filledBytes = needed
    this.#offset += taken
  }

  /** The line without its line feed, if all of it is there. */
  #readLine(tooLong: string): Buffer | undefined {
    const end = this.#buffer.indexOf(lineFeed, Math.max(this.#searched, this.#offset))
    if ((end < 0 ? this.#buffer.length : end) - this.#offset > longestLineBytes) throw new ProtocolError(tooLong)
    if (end < 0) {
      this.#searched = this.#buffer.length
      return undefined
    }
    const line = this.#buffer.subarray(this.#offset, end)
    this.#offset = end + 1
    return line
  }
}

function withoutLineEnd(argument: Buffer): Buffer {
  const length = argument.length - 2
  if (argument[length] !== carriageReturn || argument[length + 1] !== lineFeed) {
    throw new ProtocolError('expected CRLF after a bulk string')
  }
  return argument.subarray(0, length)
}

/** The number after a header's first byte; undefined if it is none, or no carriage return ends it. */
function lengthIn(line: Buffer): number | undefined {
  const text = line.toString('latin1', 1)
  return /^-?[0-9]{1,15}\r$/.test(text) ? Number(text) : undefined
}

/** A line feed alone ends an inline command too, for those who type it. */
function inlineArguments(line: Buffer): Buffer[] {
  const found = splitInline(line.toString('latin1'))
  if (found === undefined) throw new ProtocolError('unbalanced quotes in request')
  return found.map((argument) => Buffer.from(argument, 'latin1'))
}
