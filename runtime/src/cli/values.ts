import { inspect } from 'node:util'
import { OvidError } from '../message/errors.js'

/*
 * Plain data as JSON. What JSON has no form for is an object with a single member whose name starts with $:
 *
 *   Map             {"$map": [[key, value], …]}          bigint           {"$bigint": "123"}
 *   Set             {"$set": [member, …]}                Date             {"$date": "2026-01-31T12:00:00.000Z"}
 *   Uint8Array      {"$bytes": "base64"}                 NaN, ±Infinity   {"$number": "NaN"}
 *   other arrays    {"$Float64Array": [1, 2]}            undefined        null
 *
 * What is no plain data (from `js`) becomes {"$text": "how it looks"}. An object of the data itself that has just one such member is {"$object": [[name, value]]}. Messages may be
 * written in the same way: `call KVS put {"key": "a", "value": {"$bytes": "AAEC"}}`.
 */

const typedArrays = {
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const

/** Objects on the way to the one at hand: what comes again among them is a circle. */
type Above = readonly object[]

function encodeView(view: ArrayBufferView): unknown {
  const name = view.constructor.name
  if (Object.hasOwn(typedArrays, name))
    return { [`$${name}`]: Array.from(view as unknown as ArrayLike<unknown>, (each) => jsonValue(each)) }
  return { $bytes: Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64') }
}

function encodeObject(value: object, above: Above): unknown {
  if (above.includes(value)) return { $text: '[Circular]' }
  const inside = [...above, value]
  const member = (each: unknown) => jsonValue(each, inside)
  if (value instanceof Map) return { $map: [...value].map(([key, each]) => [member(key), member(each)]) }
  if (value instanceof Set) return { $set: [...value].map(member) }
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString() }
  if (ArrayBuffer.isView(value)) return encodeView(value)
  if (Array.isArray(value)) return value.map(member)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return { $text: inspect(value, { depth: 1 }) }
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  const [only] = entries
  if (entries.length === 1 && only?.[0].startsWith('$')) return { $object: [[only[0], member(only[1])]] }
  return Object.fromEntries(entries.map(([name, each]) => [name, member(each)]))
}

/** A value in a form that `JSON.stringify` keeps whole. What is no plain data becomes a text about it. */
export function jsonValue(value: unknown, above: Above = []): unknown {
  switch (typeof value) {
    case 'bigint':
      return { $bigint: String(value) }
    case 'number':
      if (Object.is(value, -0)) return { $number: '-0' }
      return Number.isFinite(value) ? value : { $number: String(value) }
    case 'undefined':
      return null
    case 'function':
    case 'symbol':
      return { $text: inspect(value) }
    case 'object':
      return value === null ? null : encodeObject(value, above)
    default:
      return value
  }
}

function invalid(name: string, content: unknown): OvidError {
  return new OvidError('command-invalid', `{"${name}": …} is not well formed: found ${JSON.stringify(content)}`)
}

function pairs(name: string, content: unknown): [unknown, unknown][] {
  if (!Array.isArray(content) || !content.every((pair) => Array.isArray(pair) && pair.length === 2))
    throw invalid(name, content)
  return content.map(([key, value]) => [fromJsonValue(key), fromJsonValue(value)])
}

function list(name: string, content: unknown): unknown[] {
  if (!Array.isArray(content)) throw invalid(name, content)
  return content.map(fromJsonValue)
}

function text(name: string, content: unknown, form: RegExp): string {
  if (typeof content !== 'string' || !form.test(content)) throw invalid(name, content)
  return content
}

function decodeTagged(name: string, content: unknown): unknown {
  switch (name) {
    case '$map':
      return new Map(pairs(name, content))
    case '$set':
      return new Set(list(name, content))
    case '$bigint':
      return BigInt(text(name, content, /^-?\d+$/))
    case '$number':
      return Number(text(name, content, /^(NaN|-?Infinity|-0)$/))
    case '$date':
      return new Date(text(name, content, /^(\d{4}|[+-]\d{6})-\d\d-\d\dT|^Invalid Date$/))
    case '$bytes':
      return Uint8Array.from(Buffer.from(text(name, content, /^[A-Za-z0-9+/]*={0,2}$/), 'base64'))
    case '$object':
      return Object.fromEntries(pairs(name, content) as [string, unknown][])
  }
  const kind = typedArrays[name.slice(1) as keyof typeof typedArrays] as
    | { from(values: unknown[]): unknown }
    | undefined
  return kind === undefined ? { [name]: fromJsonValue(content) } : kind.from(list(name, content))
}

/**
 * What `jsonValue` gave, as it was.
 *
 * @throws OvidError `command-invalid` naming the part that is not well formed
 */
export function fromJsonValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJsonValue)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const [only] = entries
  if (entries.length === 1 && only?.[0].startsWith('$')) return decodeTagged(only[0], only[1])
  return Object.fromEntries(entries.map(([name, member]) => [name, fromJsonValue(member)]))
}

const MOST_MEMBERS = 40

/** Stands for the members of an object that are not shown. */
class More {
  readonly #count: number

  constructor(count: number) {
    this.#count = count
  }

  [inspect.custom](): string {
    return `${this.#count} more`
  }
}

function trimmed(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > 6) return value
  const member = (each: unknown, index: number) => (index < MOST_MEMBERS ? trimmed(each, depth + 1) : each)
  if (Array.isArray(value)) return value.map(member)
  if (value instanceof Map) return new Map([...value].map(([key, each], index) => [key, member(each, index)]))
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  const entries = Object.entries(value)
  const shown = entries.slice(0, MOST_MEMBERS).map(([name, each]) => [name, trimmed(each, depth + 1)])
  if (entries.length > MOST_MEMBERS) shown.push(['…', new More(entries.length - MOST_MEMBERS)])
  return Object.fromEntries(shown)
}

/** A value for people to read. What is long is cut, with a count of what is not shown. */
export function shown(value: unknown, depth = 6): string {
  return inspect(trimmed(value), {
    depth,
    maxArrayLength: MOST_MEMBERS,
    maxStringLength: typeof value === 'string' ? 2000 : 200,
    breakLength: 100,
    compact: 3,
  })
}
