import { Decoder, Encoder } from '@msgpack/msgpack'
import { OvidError } from '../../message/errors.js'
import { markInexact } from './exact.js'
import { extensions, newEncoder, releaseNestedCodecs } from './extensions.js'
import { checkPlain, encoderDepth } from './plain.js'
import { skim } from './skim.js'

/** Longest message, unless its kind has another limit. */
export const messageLimitBytes = 64 * 1024 * 1024
/** Buffers that have grown beyond this are let go after use. */
const keptBytes = 1024 * 1024

const NOTHING = new Uint8Array(0)
const noExtensions = { tryToEncode: () => null, decode: () => null }

/** For what JSON knows, which is most: it does not ask of every object whether it is something special. */
let plainEncoder = newPlainEncoder()
let extendedEncoder = newEncoder()
const decoder = new Decoder({ extensionCodec: extensions })

/**
 * Encodes a body or a captured state. Everything `checkPlain` accepts comes back from `decodeBody` equal, -0 and invalid
 * dates included, but for two things: properties whose value is undefined are left out, and a Buffer becomes a Uint8Array.
 *
 * @throws OvidError 'not-plain-data', 'message-too-large'
 */
export function encodeBody(value: unknown, limitBytes = messageLimitBytes): Uint8Array {
  return new Uint8Array(encodeBodyShared(value, limitBytes))
}

/** Like `encodeBody`, but the bytes are valid until the next call only: they may lie in a buffer that is used again. */
export function encodeBodyShared(value: unknown, limitBytes = messageLimitBytes): Uint8Array {
  // A top-level undefined has no bytes at all, msgpack having none for it.
  if (value === undefined) return NOTHING
  const { isExtended, isInexact } = checkPlain(value, limitBytes)
  let bytes: Uint8Array
  try {
    if (isInexact) bytes = extendedEncoder.encodeSharedRef(markInexact(value))
    else bytes = (isExtended ? extendedEncoder : plainEncoder).encodeSharedRef(value)
  } catch (error) {
    forgetBuffers()
    // What passed the check can fail only for want of memory.
    throw new OvidError(
      'message-too-large',
      `cannot be encoded: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  if (bytes.length > keptBytes) forgetBuffers()
  if (bytes.length <= limitBytes) return bytes
  throw new OvidError('message-too-large', `expected at most ${limitBytes} bytes, found ${bytes.length}`)
}

/**
 * Decodes what `encodeBody` made. Nothing of the result lies in `bytes`, which may be shared memory. Bytes from a stranger are
 * safe to decode: time and memory are bounded by a multiple of their length.
 *
 * @throws OvidError 'malformed'
 */
export function decodeBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined
  skim(bytes)
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (error instanceof OvidError) throw error
    throw new OvidError('malformed', `not a body: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function newPlainEncoder(): Encoder {
  return new Encoder({ extensionCodec: noExtensions, ignoreUndefined: true, maxDepth: encoderDepth })
}

function forgetBuffers(): void {
  plainEncoder = newPlainEncoder()
  extendedEncoder = newEncoder()
  releaseNestedCodecs()
}
