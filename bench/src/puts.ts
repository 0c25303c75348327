/* What every PUT of the benchmarks carries: a key of 11 bytes and a value of 28. */

export const VALUE = 'value of twenty-eight bytes.'

export function keyOf(index: number): string {
  return `key:${String(index).padStart(7, '0')}`
}

const KEYS: readonly string[] = Array.from({ length: 1000 }, (_, index) => keyOf(index))

/** One of a thousand keys, in turn, at no cost to speak of. */
export function keyAt(index: number): string {
  return KEYS[index % KEYS.length] as string
}
