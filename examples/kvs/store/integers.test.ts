import { describe, expect, it } from 'vitest'
import { incremented, parseInteger } from './integers.js'

const largest = '9223372036854775807'
const smallest = '-9223372036854775808'

describe('an integer', () => {
  it.each(['0', '7', '-7', '10', largest, smallest])('is read from %j', (text) => {
    expect(parseInteger(text)).toBe(BigInt(text))
  })

  it.each(['', ' 1', '1 ', '+1', '-0', '07', '1.0', '1e3', '0x1', 'a', '9223372036854775808', '-9223372036854775809'])(
    'is not read from %j',
    (text) => {
      expect(parseInteger(text)).toBeUndefined()
    },
  )

  it('counts from 0 where there is none', () => {
    expect(incremented(undefined, 5n)).toBe('5')
  })

  it('is exact to its last digit', () => {
    expect(incremented('9223372036854775806', 1n)).toBe(largest)
    expect(incremented(smallest, 2n ** 63n - 1n)).toBe('-1')
  })

  it.each([
    [largest, 1n],
    [smallest, -1n],
  ])('does not go beyond 64 bits: %s + %s', (value, by) => {
    expect(() => incremented(value, by)).toThrow(expect.objectContaining({ code: 'integer-overflow' }))
  })

  it.each(['a', '', new Uint8Array([0xff])])('is not made of %j', (value) => {
    expect(() => incremented(value, 1n)).toThrow(expect.objectContaining({ code: 'not-an-integer' }))
  })
})
