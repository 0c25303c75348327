import { OvidError } from './errors.js'

/**
 * Checks that a value is plain data (objects, arrays, primitives, Map, Set, bigint, Date, binary) and freezes
 * its objects and arrays. Development mode does this to every message that stays on its thread, so that a
 * mistake shows that would otherwise show only when the receiver moves.
 *
 * @throws OvidError `not-plain-data`, naming the way to the offender.
 */
export function freezePlain(value: unknown, path = 'body', depth = 0): void {
  if (typeof value === 'function' || typeof value === 'symbol')
    throw new OvidError('not-plain-data', `${path} is a ${typeof value}`)
  if (typeof value !== 'object' || value === null) return
  if (depth > 100) throw new OvidError('not-plain-data', `${path} is nested more than 100 deep, or in a circle`)
  if (value instanceof Date || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return
  if (value instanceof Map) {
    for (const [key, member] of value) {
      freezePlain(key, `${path} key`, depth + 1)
      freezePlain(member, `${path}.get(${String(key)})`, depth + 1)
    }
    return
  }
  if (value instanceof Set) {
    for (const member of value) freezePlain(member, `${path} member`, depth + 1)
    return
  }
  if (Array.isArray(value)) {
    value.forEach((member, index) => {
      if (member === undefined) throw new OvidError('not-plain-data', `${path}[${index}] is undefined`)
      freezePlain(member, `${path}[${index}]`, depth + 1)
    })
  } else {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) {
      throw new OvidError(
        'not-plain-data',
        `${path} is an instance of ${(value as object).constructor?.name ?? 'a class'}`,
      )
    }
    for (const [key, member] of Object.entries(value)) freezePlain(member, `${path}.${key}`, depth + 1)
  }
  Object.freeze(value)
}
