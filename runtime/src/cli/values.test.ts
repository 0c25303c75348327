import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromJsonValue, jsonValue, shown } from './values.js'

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.double(),
    fc.bigInt(),
    fc.boolean(),
    fc.constant(null),
    fc.date(),
    fc.uint8Array(),
    fc.float64Array(),
    fc.array(fc.bigInt({ min: -5n, max: 5n })).map((list) => BigInt64Array.from(list)),
    fc.array(tie('value')),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((entries) => new Map(entries)),
    fc.array(tie('value')).map((members) => new Set(members)),
    fc
      .array(fc.tuple(fc.oneof(fc.string(), fc.constantFrom('$map', '$bytes', '$x')), tie('value')))
      .map((entries) => Object.fromEntries(entries.filter(([name]) => name !== '__proto__'))),
  ),
}))

describe('plain data as JSON', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(plain.value, (value) => {
        expect(fromJsonValue(JSON.parse(JSON.stringify(jsonValue(value))))).toEqual(value)
      }),
    )
  })

  test('what JSON has no form for is an object with one member', () => {
    expect(jsonValue(new Map([['a', 1n]]))).toEqual({ $map: [['a', { $bigint: '1' }]] })
    expect(jsonValue({ bytes: Uint8Array.of(0, 1, 2) })).toEqual({ bytes: { $bytes: 'AAEC' } })
    expect(jsonValue([Number.NaN, undefined])).toEqual([{ $number: 'NaN' }, null])
  })

  test('what is no plain data becomes a text, circles included', () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    expect(jsonValue({ circle })).toEqual({ circle: { self: { $text: '[Circular]' } } })
    expect(jsonValue(new (class Thing {})())).toEqual({ $text: 'Thing {}' })
    expect(jsonValue(() => 1)).toHaveProperty('$text')
  })

  test.each([
    [{ $map: 1 }],
    [{ $bigint: 'x' }],
    [{ $bytes: '*' }],
    [{ $set: {} }],
    [{ $date: 'today' }],
    [{ $Float64Array: 1 }],
  ])('%j is refused', (value) => {
    expect(() => fromJsonValue(value)).toThrow(expect.objectContaining({ code: 'command-invalid' }))
  })
})

describe('a value for people', () => {
  test('shows what JSON does not', () => {
    expect(shown(new Map<string, unknown>([['a', 1n]]))).toBe("Map(1) { 'a' => 1n }")
    expect(shown(Uint8Array.of(1))).toBe('Uint8Array(1) [ 1 ]')
    expect(shown(null)).toBe('null')
  })

  test('is cut where it is long, and says how much is missing', () => {
    const many = Array.from({ length: 1000 }, (_, index) => [`key${index}`, index] as const)
    expect(shown(new Map(many))).toContain('960 more items')
    expect(shown(Object.fromEntries(many))).toContain('960 more')
    expect(shown({ inner: new Map([['a', Object.fromEntries(many)]]) })).toContain('960 more')
    expect(shown('x'.repeat(10_000))).toContain('8000 more characters')
  })

  test('does not send control characters to the terminal', () => {
    expect(shown('\u001b[2J')).toBe("'\\x1B[2J'")
  })
})
