/** A seeded generator of whole numbers below a bound (mulberry32): the same seed gives the same run of choices. */
export type Chance = (below: number) => number

export function chanceOf(seed: number): Chance {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export function oneOf<Item>(chance: Chance, items: readonly Item[]): Item {
  if (items.length === 0) throw new Error('nothing to choose from')
  return items[chance(items.length)] as Item
}
