import { Decoder, Encoder, ExtData, type ExtensionCodecType } from '@msgpack/msgpack'
import { OvidError } from '../../message/errors.js'
import { ExactObject, ExactString, NegativeZero } from './exact.js'
import { encoderDepth } from './plain.js'

/**
 * What msgpack has no form for travels as these extension types. They are part of the format of messages and of stored
 * state: a number is never given another meaning. Multi-byte numbers are little-endian.
 */
export const extensionTypes = {
  /** Array of key, value, key, value, … */
  map: 1,
  /** Array of members. */
  set: 2,
  /** Sign ('-' or '+'), then hexadecimal digits, in ASCII. */
  bigint: 3,
  /** Milliseconds since 1970 as float64; NaN is the invalid date. */
  date: 4,
  /** The string's UTF-16 code units. */
  exactString: 5,
  /** Nothing. */
  negativeZero: 6,
  /** Array of key, value, key, value, … */
  exactObject: 7,
  ArrayBuffer: 16,
  DataView: 17,
  Uint8Array: 18,
  Uint8ClampedArray: 19,
  Int8Array: 20,
  Uint16Array: 21,
  Int16Array: 22,
  Uint32Array: 23,
  Int32Array: 24,
  Float32Array: 25,
  Float64Array: 26,
  BigUint64Array: 27,
  BigInt64Array: 28,
} as const

/** Extensions whose payload is one msgpack array; the skim goes into them. */
export function holdsArray(type: number): boolean {
  return type === extensionTypes.map || type === extensionTypes.set || type === extensionTypes.exactObject
}

type BinaryKind = Extract<keyof typeof extensionTypes, `${string}Array` | 'ArrayBuffer' | 'DataView'>
const binaryMakers = new Map<number, (bytes: ArrayBuffer) => unknown>([
  [extensionTypes.ArrayBuffer, (bytes) => bytes],
  [extensionTypes.DataView, (bytes) => new DataView(bytes)],
  [extensionTypes.Uint8Array, (bytes) => new Uint8Array(bytes)],
  [extensionTypes.Uint8ClampedArray, (bytes) => new Uint8ClampedArray(bytes)],
  [extensionTypes.Int8Array, (bytes) => new Int8Array(bytes)],
  [extensionTypes.Uint16Array, (bytes) => new Uint16Array(bytes)],
  [extensionTypes.Int16Array, (bytes) => new Int16Array(bytes)],
  [extensionTypes.Uint32Array, (bytes) => new Uint32Array(bytes)],
  [extensionTypes.Int32Array, (bytes) => new Int32Array(bytes)],
  [extensionTypes.Float32Array, (bytes) => new Float32Array(bytes)],
  [extensionTypes.Float64Array, (bytes) => new Float64Array(bytes)],
  [extensionTypes.BigUint64Array, (bytes) => new BigUint64Array(bytes)],
  [extensionTypes.BigInt64Array, (bytes) => new BigInt64Array(bytes)],
])

/** Encodes and decodes what msgpack has no form for. Expects values that passed `checkPlain`, bytes that passed the skim. */
export const extensions: ExtensionCodecType<undefined> = { tryToEncode, decode }

function tryToEncode(value: unknown): ExtData | null {
  if (typeof value === 'bigint') return new ExtData(extensionTypes.bigint, encodeBigint(value))
  if (Array.isArray(value)) return null
  if (value instanceof Map) return new ExtData(extensionTypes.map, encodeNested(flatten(value)))
  if (value instanceof Set) return new ExtData(extensionTypes.set, encodeNested([...value]))
  if (value instanceof Date) return new ExtData(extensionTypes.date, bytesOf(new Float64Array([value.getTime()])))
  if (ArrayBuffer.isView(value)) return new ExtData(extensionTypes[kindOf(value)], bytesOf(value))
  if (value instanceof ArrayBuffer) return new ExtData(extensionTypes.ArrayBuffer, new Uint8Array(value))
  if (value instanceof ExactString) return new ExtData(extensionTypes.exactString, Buffer.from(value.value, 'utf16le'))
  if (value instanceof NegativeZero) return new ExtData(extensionTypes.negativeZero, new Uint8Array(0))
  if (value instanceof ExactObject) return new ExtData(extensionTypes.exactObject, encodeNested(value.flat))
  return null
}

function decode(payload: Uint8Array, type: number): unknown {
  switch (type) {
    case extensionTypes.map:
      return new Map(pairs(decodeNested(payload)))
    case extensionTypes.set:
      return new Set(decodeNested(payload))
    case extensionTypes.bigint:
      return decodeBigint(payload)
    case extensionTypes.date:
      return new Date(new Float64Array(copyOf(payload))[0] as number)
    case extensionTypes.exactString:
      return Buffer.from(copyOf(payload)).toString('utf16le')
    case extensionTypes.negativeZero:
      return -0
    case extensionTypes.exactObject:
      return Object.fromEntries(pairs(decodeNested(payload)))
    default: {
      const make = binaryMakers.get(type)
      if (make === undefined) throw new OvidError('malformed', `unknown extension type ${type}`)
      return make(copyOf(payload))
    }
  }
}

function encodeBigint(value: bigint): Uint8Array {
  return Buffer.from(value < 0n ? `-${(-value).toString(16)}` : `+${value.toString(16)}`, 'latin1')
}

function decodeBigint(payload: Uint8Array): bigint {
  const text = Buffer.from(copyOf(payload)).toString('latin1')
  if (!/^[+-][0-9a-f]+$/.test(text)) throw new OvidError('malformed', 'a bigint is not a sign and hexadecimal digits')
  const magnitude = BigInt(`0x${text.slice(1)}`)
  return text.startsWith('-') ? -magnitude : magnitude
}

function kindOf(view: ArrayBufferView): BinaryKind {
  // Says Uint8Array of a Buffer, which becomes one.
  return (view as unknown as { [Symbol.toStringTag]: BinaryKind })[Symbol.toStringTag]
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/** Copies out: the payload may lie in shared memory that is overwritten soon. Aligned for any element size, too. */
function copyOf(payload: Uint8Array): ArrayBuffer {
  return new Uint8Array(payload).buffer
}

function flatten(map: ReadonlyMap<unknown, unknown>): unknown[] {
  const flat: unknown[] = []
  for (const [key, value] of map) flat.push(key, value)
  return flat
}

function* pairs(flat: readonly unknown[]): Generator<[never, unknown]> {
  for (let i = 0; i < flat.length; i += 2) yield [flat[i] as never, flat[i + 1]]
}

/**
 * What is inside a Map or Set is encoded by an encoder of its own. One for each level is kept: @msgpack/msgpack would make a
 * new one each time.
 */
const encoders: Encoder[] = []
const decoders: Decoder[] = []
let encoderLevel = 0
let decoderLevel = 0

export function newEncoder(): Encoder {
  return new Encoder({ extensionCodec: extensions, ignoreUndefined: true, maxDepth: encoderDepth })
}

/** Bytes that are valid until the next call at this level: the caller, an outer encoder, copies them at once. */
function encodeNested(values: readonly unknown[]): Uint8Array {
  encoders[encoderLevel] ??= newEncoder()
  const encoder = encoders[encoderLevel] as Encoder
  encoderLevel++
  try {
    return encoder.encodeSharedRef(values)
  } finally {
    encoderLevel--
  }
}

function decodeNested(payload: Uint8Array): unknown[] {
  decoders[decoderLevel] ??= new Decoder({ extensionCodec: extensions })
  const decoder = decoders[decoderLevel] as Decoder
  decoderLevel++
  try {
    return decoder.decode(payload) as unknown[]
  } finally {
    decoderLevel--
  }
}

/** Lets go of the buffers that a large value has left behind. */
export function releaseNestedCodecs(): void {
  encoders.length = 0
  decoders.length = 0
}
