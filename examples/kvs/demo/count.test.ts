import { describe, expect, it } from 'vitest'
import { countOf } from './count.js'

describe('counting numbered operations', () => {
  it.each([
    [[1, 2, 3], 3, { lost: 0, doubled: 0, reordered: 0 }],
    [[1, 3], 4, { lost: 2, doubled: 0, reordered: 0 }],
    [[1, 2, 2, 3, 1], 3, { lost: 0, doubled: 2, reordered: 0 }],
    [[2, 1, 3], 3, { lost: 0, doubled: 0, reordered: 1 }],
    [[], 0, { lost: 0, doubled: 0, reordered: 0 }],
  ])('%j of %i', (arrived, sent, expected) => {
    expect(countOf(arrived, sent)).toEqual(expected)
  })
})
