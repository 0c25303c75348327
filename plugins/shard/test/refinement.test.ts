import { type AgentImage, defineAgent } from '@ovid/runtime'
import { shard } from '@ovid/shard'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const store = defineAgent({
  kind: 'store',
  init: () => ({ entries: new Map<string, number>() }),
  partition: {
    keyOf: (message: { key?: string }) => message?.key,
    split: (state, ownerOf, parts) => {
      const states = Array.from({ length: parts }, () => ({ entries: new Map<string, number>() }))
      for (const [key, value] of state.entries) states[ownerOf(key)]?.entries.set(key, value)
      return states
    },
    merge: (states) => ({ entries: new Map(states.flatMap((state) => [...state.entries])) }),
  },
})

const target = { id: 'STORE', agent: store }

const images: fc.Arbitrary<AgentImage> = fc
  .record({
    entries: fc.dictionary(fc.string({ maxLength: 6 }), fc.integer(), { maxKeys: 40 }),
    work: fc.array(fc.record({ key: fc.string({ maxLength: 6 }), kind: fc.constantFrom('timer', 'ask', 'deferred') }), {
      maxLength: 12,
    }),
    random: fc.integer(),
  })
  .map(({ entries, work, random }) => ({
    state: { entries: new Map(Object.entries(entries)) },
    timers: work.flatMap(({ key, kind }, id) =>
      kind === 'timer' ? [{ handler: 'tick', id: `${id}`, key, dueMs: id, data: null }] : [],
    ),
    asks: work.flatMap(({ key, kind }, id) =>
      kind === 'ask'
        ? [
            {
              correlation: id,
              name: 'OTHER',
              then: 'on',
              data: null,
              key,
              origin: 'main/1',
              dueMs: 0,
              inherited: false,
            },
          ]
        : [],
    ),
    deferred: work.flatMap(({ key, kind }, id) =>
      kind === 'deferred' ? [{ token: `${id}`, key, correlation: id, path: ['client:1'], origin: 'main/0' }] : [],
    ),
    replies: [],
    random,
  }))

/** Order among keys says nothing: a state is what it holds. */
function normal(image: AgentImage) {
  const by = <Item>(items: readonly Item[], key: (item: Item) => string) =>
    [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1))
  return {
    entries: by([...(image.state as { entries: Map<string, number> }).entries], ([key]) => key),
    timers: by(image.timers, (timer) => timer.id),
    asks: by(image.asks, (ask) => `${ask.correlation}`),
    deferred: by(image.deferred, (owed) => owed.token),
  }
}

const counts = fc.integer({ min: 1, max: 9 })

describe('the refinement of shard', () => {
  it('lifts what it has lowered to what it was', () => {
    fc.assert(
      fc.property(images, counts, (image, shards) => {
        const { lift, lower } = shard.refine(target, { shards })
        expect(normal(lift(lower(image)))).toEqual(normal(image))
      }),
    )
  })

  it('rescales to what lifting all and lowering all gives', () => {
    fc.assert(
      fc.property(images, counts, counts, (image, before, after) => {
        const old = shard.refine(target, { shards: before })
        const lowered = old.lower(image)
        const rescale = old.rescale?.({ shards: after })
        const parts = new Map<string, AgentImage[]>()
        for (const [child, part] of Object.entries(lowered)) {
          for (const [to, piece] of Object.entries(rescale?.divide(child, part) ?? {}))
            parts.set(to, [...(parts.get(to) ?? []), piece])
        }
        const rescaled = Object.fromEntries(
          [...parts].map(([child, pieces]) => [child, normal(rescale?.combine(child, pieces) as AgentImage)]),
        )
        const whole = shard.refine(target, { shards: after }).lower(old.lift(lowered))
        expect(rescaled).toEqual(
          Object.fromEntries(Object.entries(whole).map(([child, piece]) => [child, normal(piece)])),
        )
      }),
    )
  })

  it('does not change what it divides', () => {
    fc.assert(
      fc.property(images, counts, (image, shards) => {
        const before = normal(structuredClone(image))
        shard.refine(target, { shards }).lower(image)
        expect(normal(image)).toEqual(before)
      }),
    )
  })

  it('refuses to divide work that belongs to no key', () => {
    const image: AgentImage = {
      state: { entries: new Map() },
      asks: [],
      deferred: [],
      replies: [],
      random: 0,
      timers: [{ handler: 'tick', id: '', key: undefined, dueMs: 1, data: null }],
    }
    expect(() => shard.refine(target, { shards: 2 }).lower(image)).toThrow(
      expect.objectContaining({ code: 'keyless-work' }),
    )
  })
})

describe('the expansion of shard', () => {
  it('keeps every child under the target and every route among the children', () => {
    fc.assert(
      fc.property(counts, (shards) => {
        const { children, routes } = shard.expand(target, { shards })
        const names = children.map((child) => child.name)
        expect(names).toHaveLength(2 * shards)
        expect(new Set(names).size).toBe(names.length)
        for (const [from, to] of Object.entries(routes))
          expect([names.includes(from), names.includes(to)]).toEqual([true, true])
      }),
    )
  })
})
