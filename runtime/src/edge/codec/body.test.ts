import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OvidError } from '../../message/errors.js'
import { decodeBody, encodeBody } from './body.js'

const seed = Date.now()
console.log(`body.test seed=${seed}`)

const crossed = (value: unknown) => decodeBody(encodeBody(value))
const codeOf = (action: () => unknown): string => {
  try {
    action()
    return 'nothing'
  } catch (error) {
    return error instanceof OvidError ? error.code : String(error)
  }
}

const leaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -0, NaN, Infinity, 2 ** 53, -(2 ** 40), 1.5, new Date(NaN), ''),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }),
  fc.date(),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom(
    '\ud800',
    '\udc00'.repeat(60),
    `\ufeff${'x'.repeat(300)}`,
    `\ufeff${'é'.repeat(99)}`,
    'y'.repeat(70_000),
  ),
  fc.uint8Array(),
  fc.float64Array(),
  fc.float32Array(),
  fc.int32Array(),
  fc.uint16Array(),
  fc.bigInt64Array(),
  fc.uint8Array().map((bytes) => bytes.slice().buffer),
  fc.uint8Array({ minLength: 3 }).map((bytes) => new DataView(bytes.slice().buffer, 1, 2)),
)
const key = fc
  .oneof(fc.string(), fc.constantFrom(`${'k'.repeat(60)}\ud800`, 'constructor', '0'))
  .filter((k) => k !== '__proto__')
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5 }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 4 }).map((members) => new Set(members)),
  ),
}))

describe('a body', () => {
  test('comes back as it was, whatever plain data it is', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const back = crossed(value)
        // Not vitest's equality, which takes a property named constructor for the class.
        expect(isDeepStrictEqual(comparable(back), comparable(value))).toBe(true)
      }),
      { seed, numRuns: 2000 },
    )
  })

  test('of every binary kind keeps its kind, and only what the view covers', () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => i)
    type Kind = new (buffer: ArrayBuffer, offset?: number, length?: number) => ArrayBufferView
    const words: Kind[] = [Uint16Array, Int16Array, Uint32Array, Int32Array, BigUint64Array, BigInt64Array]
    const kinds: Kind[] = [Uint8Array, Uint8ClampedArray, Int8Array, ...words, Float32Array, Float64Array, DataView]
    for (const Kind of kinds) {
      const back = crossed({ a: new Kind(bytes.buffer, 8, 2) }) as { a: ArrayBufferView }
      expect(back.a).toStrictEqual(new Kind(bytes.slice(8, 8 + back.a.byteLength).buffer))
      expect(back.a.buffer.byteLength).toBe(back.a.byteLength)
    }
    const buffer = crossed(Buffer.from('text')) as Uint8Array
    expect(Object.getPrototypeOf(buffer)).toBe(Uint8Array.prototype)
    expect(crossed(new Uint8Array(new SharedArrayBuffer(4)))).toStrictEqual(new Uint8Array(4))
  })

  test('that is undefined stays undefined, and a property that is undefined is left out', () => {
    expect(crossed(undefined)).toBeUndefined()
    expect(crossed({ a: undefined, b: { c: undefined } })).toStrictEqual({ b: {} })
    expect(crossed({ a: undefined, b: -0 })).toStrictEqual({ b: -0 })
  })

  test('never lies in the bytes it was decoded from', () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(100))
    const encoded = encodeBody({ a: new Uint8Array([1, 2, 3]), b: new ArrayBuffer(2), c: 'text' })
    bytes.set(encoded)
    const back = decodeBody(bytes.subarray(0, encoded.length)) as { a: Uint8Array; b: ArrayBuffer }
    bytes.fill(0xff)
    expect(back).toStrictEqual({ a: new Uint8Array([1, 2, 3]), b: new ArrayBuffer(2), c: 'text' })
    expect(back.a.buffer).toBeInstanceOf(ArrayBuffer)
  })

  test('that is not plain data is refused, with the place of what is not', () => {
    const cases: [unknown, string][] = [
      [() => 1, 'the value is a function'],
      [{ a: { b: [0, () => 1] } }, '.a.b[1] is a function'],
      [[Symbol('s')], '[0] is a symbol'],
      [[1, undefined], '[1] is undefined'],
      [new Array(1), '[0] is undefined'],
      [new Map([['k', undefined]]), '.k is undefined'],
      [{ 'a key': new Set([undefined]) }, '["a key"][undefined] is undefined'],
      [{ error: new Error('x') }, '.error is an instance of Error'],
      [{ re: /x/ }, '.re is an instance of RegExp'],
      [new (class Account {})(), 'the value is an instance of Account'],
      [new (class extends Map {})(), 'the value is an instance of a class'],
      [Promise.resolve(), 'the value is an instance of Promise'],
      [new SharedArrayBuffer(1), 'the value is an instance of SharedArrayBuffer'],
      [JSON.parse('{"__proto__": 1}'), '.__proto__ is a property of that name'],
    ]
    for (const [value, message] of cases) {
      expect(codeOf(() => encodeBody(value))).toBe('not-plain-data')
      expect(() => encodeBody(value)).toThrow(message)
    }
  })

  test('that is nested 100 deep passes; one that is deeper, or a cycle, is refused', () => {
    const wraps = [
      (v: unknown) => [v],
      (v: unknown) => ({ v }),
      (v: unknown) => new Map([[1, v]]),
      (v: unknown) => new Set([v]),
    ]
    for (const wrap of wraps) {
      const nested = (depth: number) => Array.from({ length: depth }).reduce<unknown>((inner) => wrap(inner), 1)
      expect(crossed(nested(100))).toStrictEqual(nested(100))
      expect(codeOf(() => encodeBody(nested(101)))).toBe('not-plain-data')
    }
    const cycle: unknown[] = []
    cycle.push(new Map([['again', cycle]]))
    expect(codeOf(() => encodeBody(cycle))).toBe('not-plain-data')
  })

  test('that is larger than its limit is refused before it is built', () => {
    expect(codeOf(() => encodeBody({ text: 'x'.repeat(100) }, 100))).toBe('message-too-large')
    expect(codeOf(() => encodeBody('é'.repeat(60), 100))).toBe('message-too-large')
    expect(encodeBody('x'.repeat(98), 100)).toHaveLength(100)
    const shared = Array.from({ length: 60 }).reduce<unknown>((inner) => [inner, inner], 'x')
    expect(codeOf(() => encodeBody(shared, 100_000))).toBe('message-too-large')
  })
})

describe('bytes from a stranger', () => {
  test('that announce far more than they hold cost nothing', () => {
    const bomb = new Uint8Array(500)
    for (let i = 0; i < 500; i += 5) bomb.set([0xdd, 0x00, 0x10, 0x00, 0x00], i)
    const before = process.memoryUsage().heapTotal
    expect(codeOf(() => decodeBody(bomb))).toBe('malformed')
    expect(process.memoryUsage().heapTotal - before).toBeLessThan(20e6)
    // Counts that fit the bytes, nested: each level would be allocated again.
    const nested = new Uint8Array(15_000).map((_, i) => [0xdc, 0x30, 0x00][i % 3] as number)
    expect(codeOf(() => decodeBody(nested))).toBe('malformed')
    // The same inside the payload of an extension.
    expect(codeOf(() => decodeBody(Uint8Array.of(0xd6, 1, 0xdd, 0xff, 0xff, 0xff)))).toBe('malformed')
  })

  test('are refused when they are no body of ours', () => {
    const strange: Record<string, Uint8Array | readonly number[]> = {
      'a key __proto__': [0x81, 0xa9, ...Buffer.from('__proto__'), 1],
      'bytes after the value': [0xc0, 0xc0],
      'an unused type byte': [0xc1],
      "msgpack's own binary": [0xc4, 1, 0],
      "msgpack's own date": [0xd6, 0xff, 0, 0, 0, 0],
      'an unknown extension': [0xd4, 99, 0],
      'a map that is no array': [0xd4, 1, 0x80],
      'a map with a key too many': [0xd5, 1, 0x91, 1],
      'a map that ends early': [0xd6, 1, 0x92, 1, 1, 1],
      'a float64 array of 7 bytes': [0xc7, 7, 26, 0, 0, 0, 0, 0, 0, 0],
      'a bigint of other signs': [0xd5, 3, 0x2b, 0x2b],
      'a date of 4 bytes': [0xd6, 4, 0, 0, 0, 0],
    }
    for (const [what, bytes] of Object.entries(strange)) {
      expect([what, codeOf(() => decodeBody(Uint8Array.from(bytes)))]).toEqual([what, 'malformed'])
    }
  })

  test('that are cut off anywhere are refused', () => {
    const value = {
      a: [1, 'text', new Map([['k', 2n ** 70n]])],
      b: new Float64Array(2),
      c: { d: -1.5, e: new Date(1) },
    }
    const bytes = encodeBody(value)
    for (let end = 1; end < bytes.length; end++) {
      expect(codeOf(() => decodeBody(bytes.subarray(0, end)))).toBe('malformed')
    }
  })

  test('at random are a body or malformed, and never anything else', () => {
    const isAnswered = (bytes: Uint8Array) => ['nothing', 'malformed'].includes(codeOf(() => decodeBody(bytes)))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), isAnswered), { seed, numRuns: 5000 })
    const changed = fc.tuple(anyValue, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([value, at, byte]) => {
      const bytes = encodeBody(value)
      bytes[at % bytes.length] = byte
      return bytes
    })
    fc.assert(fc.property(changed, isAnswered), { seed, numRuns: 2000 })
  })
})

/** Spells out what deep equality takes for equal, or for different, without need: invalid dates, views, members of a Set. */
function comparable(value: unknown): unknown {
  if (value instanceof Date) return ['Date', value.getTime()]
  if (value instanceof DataView)
    return ['DataView', ...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]
  if (value instanceof ArrayBuffer) return ['ArrayBuffer', ...new Uint8Array(value)]
  if (Array.isArray(value)) return value.map(comparable)
  if (value instanceof Map) return ['Map', ...Array.from(value, (entry) => entry.map(comparable))]
  if (value instanceof Set) return ['Set', ...Array.from(value, comparable)]
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, comparable(v)]))
}
