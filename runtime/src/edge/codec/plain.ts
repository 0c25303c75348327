import { OvidError } from '../../message/errors.js'

/** Deepest nesting of containers a value may have. */
export const deepest = 100
/** What @msgpack/msgpack, which counts in its own way, is told: `checkPlain` is who refuses. */
export const encoderDepth = 2 * deepest

/** What the encoder must know of a value before it encodes it. */
export interface PlainFacts {
  /** It holds more than JSON knows: a Map, Set, Date, bigint or binary data. */
  readonly isExtended: boolean
  /** It holds a string or number that msgpack would change; see `exact.ts`. */
  readonly isInexact: boolean
}

/**
 * Checks that `value` can cross threads: plain data plus Map, Set, bigint, Date, typed arrays, DataView and ArrayBuffer.
 *
 * Plain data is what JSON knows, and every number and string: an object made by a literal, an array without holes. A property
 * whose value is undefined is left out, as JSON does. Shared references come out as copies.
 *
 * @throws OvidError 'not-plain-data', saying where; 'message-too-large' if `limitBytes` cannot hold it. The size is
 * estimated from below and saves encoding what is far too large; the encoder checks again.
 */
export function checkPlain(value: unknown, limitBytes: number): PlainFacts {
  walk.begin(limitBytes)
  if (value !== undefined) walk.visit(value, 0)
  return walk
}

class Walk implements PlainFacts {
  isExtended = false
  isInexact = false
  #bytesLeft = 0
  #limitBytes = 0
  /** Keys from the outside to where the walk is; those beyond the present depth are old. */
  readonly #path: unknown[] = []

  begin(limitBytes: number): void {
    this.isExtended = false
    this.isInexact = false
    this.#bytesLeft = limitBytes
    this.#limitBytes = limitBytes
  }

  visit(value: unknown, depth: number): void {
    this.#count(1)
    switch (typeof value) {
      case 'string':
        this.#count(value.length)
        if (isInexactString(value)) this.isInexact = true
        return
      case 'number':
        if (value === 0 && Object.is(value, -0)) this.isInexact = true
        return
      case 'boolean':
        return
      case 'object':
        if (value !== null) this.#visitObject(value, depth)
        return
      case 'bigint':
        this.isExtended = true
        return
      default:
        this.#refuse(depth, value === undefined ? 'undefined' : `a ${typeof value}`)
    }
  }

  #visitObject(value: object, depth: number): void {
    if (depth >= deepest) this.#refuse(8, `something nested deeper than ${deepest}, or a cycle`)
    if (Array.isArray(value)) this.#visitArray(value, depth)
    else if (isLiteral(value)) this.#visitProperties(value as Record<string, unknown>, depth)
    else this.#visitExtended(value, depth)
  }

  #visitArray(value: readonly unknown[], depth: number): void {
    for (let i = 0; i < value.length; i++) {
      this.#path[depth] = i
      this.visit(value[i], depth + 1)
    }
  }

  #visitProperties(value: Record<string, unknown>, depth: number): void {
    for (const key of Object.keys(value)) {
      const property = value[key]
      if (property === undefined) continue
      this.#path[depth] = key
      if (key === '__proto__') this.#refuse(depth + 1, 'a property of that name')
      this.#count(key.length)
      if (isInexactString(key)) this.isInexact = true
      this.visit(property, depth + 1)
    }
  }

  #visitExtended(value: object, depth: number): void {
    this.isExtended = true
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Map.prototype) {
      for (const [key, entry] of value as Map<unknown, unknown>) {
        this.#path[depth] = key
        this.visit(key, depth + 1)
        this.visit(entry, depth + 1)
      }
    } else if (prototype === Set.prototype) {
      for (const member of value as Set<unknown>) {
        this.#path[depth] = member
        this.visit(member, depth + 1)
      }
    } else if (ArrayBuffer.isView(value) || prototype === ArrayBuffer.prototype) {
      this.#count((value as ArrayBufferView | ArrayBuffer).byteLength)
    } else if (prototype !== Date.prototype) {
      const name = (value.constructor as { name?: unknown } | undefined)?.name
      this.#refuse(depth, `an instance of ${typeof name === 'string' && name !== '' ? name : 'a class'}`)
    }
  }

  #count(bytes: number): void {
    this.#bytesLeft -= bytes
    if (this.#bytesLeft < 0)
      throw new OvidError('message-too-large', `expected at most ${this.#limitBytes} bytes, found more`)
  }

  #refuse(depth: number, found: string): never {
    const where = depth === 0 ? 'the value' : this.#path.slice(0, depth).map(printKey).join('')
    throw new OvidError('not-plain-data', `${where} is ${found}, which cannot cross threads; expected plain data`)
  }
}

const walk = new Walk()

/** Made by an object literal, `Object.create(null)`, or the like in another realm (the REPL evaluates in one). */
function isLiteral(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty')
}

/**
 * A string that would come out of @msgpack/msgpack changed: it hands long strings to TextEncoder, which replaces lone
 * surrogates, and to TextDecoder, which drops a byte order mark at the front. Short ones it treats by itself, exactly.
 */
export function isInexactString(value: string): boolean {
  return value.length > 50 && (value.charCodeAt(0) === 0xfeff || !value.isWellFormed())
}

function printKey(key: unknown): string {
  if (typeof key === 'string') return /^[\w$]{1,40}$/.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 40))}]`
  return `[${typeof key === 'object' || typeof key === 'function' ? 'object' : String(key)}]`
}
