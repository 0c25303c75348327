import { describe, expect, it } from 'vitest'
import { arrived, emptyTally, lostOf } from './tally.js'

function tallyOf(...numbers: number[]) {
  const tally = emptyTally()
  for (const number of numbers) arrived(tally, number)
  return tally
}

describe('a tally', () => {
  it('of a stream as it was sent finds nothing', () => {
    const tally = tallyOf(1, 2, 3)
    expect(tally).toMatchObject({ last: 3, doubled: 0, reordered: 0 })
    expect(lostOf(tally, 3)).toBe(0)
  })

  it('counts what is lost, in the middle and at the end', () => {
    expect(lostOf(tallyOf(1, 3, 5), 7)).toBe(4)
    expect(lostOf(tallyOf(), 2)).toBe(2)
  })

  it('counts what comes twice', () => {
    expect(tallyOf(1, 1, 2, 1).doubled).toBe(2)
  })

  it('counts what comes after a later one as reordered, and not as lost', () => {
    const tally = tallyOf(2, 3, 1, 1)
    expect(tally).toMatchObject({ reordered: 1, doubled: 1 })
    expect(lostOf(tally, 3)).toBe(0)
  })
})
