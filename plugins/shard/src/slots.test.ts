import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ownerTable, SLOTS, saltOf, slotOf } from './slots.js'

const counts = fc.integer({ min: 1, max: 1024 })

describe('the owner table', () => {
  it('gives every shard an equal share of the slots, to within one', () => {
    fc.assert(
      fc.property(counts, (shards) => {
        const owned = new Array<number>(shards).fill(0)
        for (const owner of ownerTable(shards)) owned[owner] = (owned[owner] ?? 0) + 1
        expect(Math.max(...owned) - Math.min(...owned)).toBeLessThanOrEqual(1)
        expect(owned.reduce((sum, count) => sum + count, 0)).toBe(SLOTS)
      }),
    )
  })

  it('moves, from n to m shards, no slot between shards that both layouts have', () => {
    fc.assert(
      fc.property(counts, counts, (n, m) => {
        const [few, many] = [ownerTable(Math.min(n, m)), ownerTable(Math.max(n, m))]
        const moved = few.filter((owner, slot) => owner !== many[slot])
        const newOwners = many.filter((owner, slot) => owner !== few[slot])
        expect(newOwners.every((owner) => owner >= Math.min(n, m))).toBe(true)
        // What the new shards own, and no more.
        expect(moved.length).toBe(many.filter((owner) => owner >= Math.min(n, m)).length)
      }),
    )
  })

  it('is the same whichever sizes were asked for before', () => {
    const first = [...ownerTable(7)]
    ownerTable(900)
    ownerTable(3)
    expect([...ownerTable(7)]).toEqual(first)
  })
})

describe('slots', () => {
  it('spread keys that differ little', () => {
    const hits = new Array<number>(16).fill(0)
    for (let key = 0; key < 16_000; key++) {
      const sixteenth = Math.floor((slotOf(`user:${key}`, saltOf('KVS')) * 16) / SLOTS)
      hits[sixteenth] = (hits[sixteenth] ?? 0) + 1
    }
    for (const hit of hits) expect(Math.abs(hit - 1000)).toBeLessThan(200)
  })

  it('divide a shard anew when it is sharded itself', () => {
    const outer = ownerTable(2)
    const inShard1 = Array.from({ length: 4000 }, (_, key) => `k${key}`).filter(
      (key) => outer[slotOf(key, saltOf('KVS'))] === 0,
    )
    const inner = inShard1.filter((key) => outer[slotOf(key, saltOf('KVS/Shard1'))] === 0)
    expect(Math.abs(inner.length / inShard1.length - 0.5)).toBeLessThan(0.05)
  })
})
