import { OvidError } from '@ovid/runtime'
import type { Value } from './values.js'

const smallest = -(2n ** 63n)
const largest = 2n ** 63n - 1n
const canonical = /^(?:0|-?[1-9][0-9]{0,18})$/

/** Reads a signed 64-bit integer as strictly as Redis does: no blanks, no plus, no leading zeros, no -0. */
export function parseInteger(text: string): bigint | undefined {
  if (!canonical.test(text)) return undefined
  const integer = BigInt(text)
  return integer < smallest || integer > largest ? undefined : integer
}

/**
 * The decimal digits of `value + by`. No value counts as 0.
 *
 * @throws OvidError `not-an-integer`, `integer-overflow`
 */
export function incremented(value: Value | undefined, by: bigint): string {
  const old = value === undefined ? 0n : typeof value === 'string' ? parseInteger(value) : undefined
  if (old === undefined) throw new OvidError('not-an-integer', 'the value is not a signed 64-bit integer')
  const sum = old + by
  if (sum < smallest || sum > largest) {
    throw new OvidError('integer-overflow', `${old} + ${by} is no signed 64-bit integer any more`)
  }
  return sum.toString()
}
