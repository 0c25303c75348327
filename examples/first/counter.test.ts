import fc from 'fast-check'
import { expect, test } from 'vitest'
import { counter } from './counter.js'
import { counter as counter2 } from './counter-v2.js'

type Counts = Map<string, number>

const names = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'))
const ownerOf = (parts: number) => (name: string) => (name.codePointAt(0) as number) % parts

/** An agent is a value with functions in it: a test calls them. The counter needs no context. */
function add(counts: Counts, name: string): unknown {
  return counter.handlers.get('add')?.(counts, { name }, undefined as never)
}

test('counts by name', () => {
  const counts = counter.init(undefined)
  expect([add(counts, 'a'), add(counts, 'b'), add(counts, 'a')]).toEqual([1, 1, 2])
  expect(counter.handlers.get('value')?.(counts, { name: 'c' }, undefined as never)).toBe(0)
})

test('divided by name it answers as the whole does, and comes to the same state', () => {
  const { split, merge } = counter.partition as NonNullable<typeof counter.partition>
  fc.assert(
    fc.property(names, names, fc.integer({ min: 1, max: 4 }), (before, after, parts) => {
      const whole = counter.init(undefined)
      for (const name of before) add(whole, name)
      const untouched = new Map(whole)
      const divided = split(whole, ownerOf(parts), parts)
      expect(whole).toEqual(untouched)
      for (const name of after) expect(add(divided[ownerOf(parts)(name)] as Counts, name)).toBe(add(untouched, name))
      expect(merge(divided)).toEqual(untouched)
    }),
  )
})

test('version 2 takes over all counts, and leaves the state of version 1 as it was', () => {
  const counts = new Map([['a', 2]])
  expect(counter2.migrate?.(counts, 1)).toEqual(new Map([['a', { count: 2, lastMs: null }]]))
  expect(counts).toEqual(new Map([['a', 2]]))
})
