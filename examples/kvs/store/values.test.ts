import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byteLength, bytesOf, joined, largestValueBytes, storable, type Value, valueOfBytes } from './values.js'

const bytes = (...members: number[]) => new Uint8Array(members)

/** Text, broken text and arbitrary bytes. */
const anyBytes = fc.oneof(
  fc.uint8Array(),
  fc.string({ unit: 'grapheme' }).map((text) => new Uint8Array(Buffer.from(text))),
  fc.string({ unit: 'grapheme' }).map((text) => new Uint8Array(Buffer.from(text).subarray(1))),
)

describe('a value', () => {
  it.each([
    ['nothing', bytes(), ''],
    ['ASCII', bytes(0x61, 0x00, 0x7f), 'a\0\x7f'],
    ['UTF-8', new Uint8Array(Buffer.from('é€😀')), 'é€😀'],
    ['a byte order mark', bytes(0xef, 0xbb, 0xbf, 0x61), '\ufeffa'],
    ['half a character', bytes(0xc3), bytes(0xc3)],
    ['a surrogate half', bytes(0xed, 0xa0, 0x80), bytes(0xed, 0xa0, 0x80)],
    ['an overlong form', bytes(0xc0, 0x80), bytes(0xc0, 0x80)],
  ])('that is %s has one form', (_what, given, form) => {
    expect(valueOfBytes(given)).toStrictEqual(form)
    expect(storable(given)).toStrictEqual(form)
    expect(Buffer.from(bytesOf(form))).toEqual(Buffer.from(given))
  })

  it('of bytes is no part of a larger buffer', () => {
    const value = valueOfBytes(Buffer.from([0x61, 0xff, 0x61]).subarray(1, 2)) as Uint8Array
    expect(value.buffer.byteLength).toBe(1)
    expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype)
  })

  it('keeps its bytes and their number, whatever they are', () => {
    fc.assert(
      fc.property(anyBytes, (given) => {
        const value = valueOfBytes(given)
        expect(Buffer.from(bytesOf(value))).toEqual(Buffer.from(given))
        expect(byteLength(value)).toBe(given.length)
      }),
    )
  })

  it('joined with another is the one form of both their bytes', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (left, right) => {
        const both = valueOfBytes(Buffer.concat([left, right]))
        expect(joined(valueOfBytes(left), valueOfBytes(right))).toStrictEqual(both)
      }),
    )
  })

  it('becomes text when its second half completes a character', () => {
    expect(joined(joined('caf', bytes(0xc3)), bytes(0xa9))).toBe('café')
  })

  it('has at most the length that fits in a message', () => {
    const largest: Value = 'x'.repeat(largestValueBytes)
    expect(storable(largest)).toBe(largest)
    expect(() => storable(`${largest}x`)).toThrow(expect.objectContaining({ code: 'value-too-large' }))
    expect(() => joined(largest, 'x')).toThrow(expect.objectContaining({ code: 'value-too-large' }))
  })
})
