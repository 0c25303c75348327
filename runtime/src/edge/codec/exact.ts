import { isInexactString } from './plain.js'

/** A string or number that msgpack would change, marked so that it travels as an extension. Rare: see `isInexactString`. */
export class ExactString {
  constructor(readonly value: string) {}
}

export class NegativeZero {}

/** An object some of whose keys must travel exactly. `flat` is key, value, key, value, … */
export class ExactObject {
  constructor(readonly flat: readonly unknown[]) {}
}

/** A copy of `value` in which what msgpack would change is marked. `value` has passed `checkPlain`. */
export function markInexact(value: unknown): unknown {
  if (typeof value === 'string') return isInexactString(value) ? new ExactString(value) : value
  if (typeof value === 'number') return Object.is(value, -0) ? new NegativeZero() : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(markInexact)
  if (value instanceof Map) return new Map(Array.from(value, ([key, entry]) => [markInexact(key), markInexact(entry)]))
  if (value instanceof Set) return new Set(Array.from(value, markInexact))
  if (value instanceof Date || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value
  const entries = Object.entries(value).filter(([, property]) => property !== undefined)
  if (entries.some(([key]) => isInexactString(key))) return new ExactObject(entries.flat().map(markInexact))
  return Object.fromEntries(entries.map(([key, property]) => [key, markInexact(property)]))
}
