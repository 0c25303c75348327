import type { AgentDefinition } from '@ovid/runtime'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kvs } from './kvs.js'
import { kvs as kvs2, type Revised } from './kvs-v2.js'
import { HandRunAgent } from './store/agent.fixture.js'
import type { Shelves } from './store/shelves.js'
import type { Value } from './store/values.js'

// biome-ignore lint/suspicious/noExplicitAny: the suite holds for any form of entry
type AnyStore = AgentDefinition<Shelves<any>, any, any>

const versions: [string, AnyStore][] = [
  ['version 1', kvs as AnyStore],
  ['version 2', kvs2 as AnyStore],
]

const code = (expected: string) => expect.objectContaining({ code: expected })

describe.each(versions)('the store, %s', (_version, definition) => {
  const started = () => new HandRunAgent(definition)

  it('gives what was put, and null for what was not', () => {
    const store = started()
    expect(store.send('get', { key: 'a' })).toBeNull()
    expect(store.send('put', { key: 'a', value: '1' })).toBe(true)
    expect(store.send('get', { key: 'a' })).toBe('1')
    expect(store.send('exists', { key: 'a' })).toBe(true)
    expect(store.send('length', { key: 'a' })).toBe(1)
    expect(store.send('delete', { key: 'a' })).toBe(true)
    expect(store.send('delete', { key: 'a' })).toBe(false)
    expect(store.send('exists', { key: 'a' })).toBe(false)
    expect(store.send('length', { key: 'a' })).toBe(0)
  })

  it('keeps bytes that are no text as they are', () => {
    const store = started()
    store.send('put', { key: 'a', value: new Uint8Array([0xff, 0x00]) })
    expect(store.send('get', { key: 'a' })).toStrictEqual(new Uint8Array([0xff, 0x00]))
    expect(store.send('length', { key: 'a' })).toBe(2)
    store.send('put', { key: 'a', value: new Uint8Array([0x6f, 0x6b]) })
    expect(store.send('get', { key: 'a' })).toBe('ok')
  })

  it.each([
    ['put', { key: 'a' }],
    ['put', { key: 'a', value: 1 }],
    ['put', { key: 'a', value: '\ud800' }],
    ['put', { key: 'a', value: '1', vaule: '2' }],
    ['get', {}],
    ['get', { key: 1 }],
    ['increment', { key: 'a', by: 0.5 }],
    ['set', { key: 'a', value: '1', when: 'often' }],
    ['set', { key: 'a', value: '1', expireInMs: 0 }],
    ['expire', { key: 'a', inMs: Number.MAX_SAFE_INTEGER }],
  ])('refuses %s %j before a handler sees it', (type, message) => {
    expect(() => started().send(type, message)).toThrow('does not take')
  })

  it('sets only if the key is absent, or only if it is present, as told', () => {
    const store = started()
    const set = (value: string, when: string) => store.send('set', { key: 'a', value, when })
    expect(set('1', 'present')).toEqual({ done: false, previous: null })
    expect(set('2', 'absent')).toEqual({ done: true, previous: null })
    expect(set('3', 'absent')).toEqual({ done: false, previous: null })
    expect(set('4', 'present')).toEqual({ done: true, previous: null })
    expect(store.send('get', { key: 'a' })).toBe('4')
  })

  it('tells what was there before, if asked', () => {
    const store = started()
    const set = (value: string) => store.send('set', { key: 'a', value, when: 'absent', returnPrevious: true })
    expect(set('1')).toEqual({ done: true, previous: null })
    expect(set('2')).toEqual({ done: false, previous: '1' })
    expect(store.send('take', { key: 'a' })).toBe('1')
    expect(store.send('take', { key: 'a' })).toBeNull()
  })

  it('counts', () => {
    const store = started()
    expect(store.send('increment', { key: 'n' })).toBe('1')
    expect(store.send('increment', { key: 'n', by: -3 })).toBe('-2')
    expect(store.send('increment', { key: 'n', by: 2n ** 62n })).toBe('4611686018427387902')
    expect(store.send('get', { key: 'n' })).toBe('4611686018427387902')
  })

  it('appends', () => {
    const store = started()
    expect(store.send('append', { key: 'a', value: 'é' })).toBe(2)
    expect(store.send('append', { key: 'a', value: new Uint8Array([0xff]) })).toBe(3)
    expect(store.send('get', { key: 'a' })).toStrictEqual(new Uint8Array([0xc3, 0xa9, 0xff]))
  })

  it('is not touched by what ends in an error', () => {
    const store = started()
    store.send('set', { key: 'a', value: 'x', expireInMs: 1000 })
    store.send('set', { key: 'gone', value: 'x', expireInMs: 10 })
    store.delay(20)
    const before = structuredClone(store.state)
    expect(() => store.send('increment', { key: 'a' })).toThrow(code('not-an-integer'))
    expect(() => store.send('append', { key: 'gone', value: 'x'.repeat(64 * 1024 * 1024) })).toThrow(
      code('value-too-large'),
    )
    expect(store.state).toEqual(before)
  })

  describe('lets keys expire:', () => {
    it('the timer takes the entry away', () => {
      const store = started()
      store.send('set', { key: 'a', value: '1', expireInMs: 100 })
      store.pass(99)
      expect(store.send('timeToLive', { key: 'a' })).toEqual({ expiresInMs: 1 })
      expect(store.send('get', { key: 'a' })).toBe('1')
      store.pass(1)
      expect(store.state.entries.size).toBe(0)
      expect(store.state.expiries.size).toBe(0)
      expect(store.timers.size).toBe(0)
    })

    it('an entry that is due is not seen though its timer is late', () => {
      const store = started()
      store.send('set', { key: 'a', value: '1', expireInMs: 100 })
      store.delay(100)
      expect(store.send('get', { key: 'a' })).toBeNull()
      expect(store.send('exists', { key: 'a' })).toBe(false)
      expect(store.send('length', { key: 'a' })).toBe(0)
      expect(store.send('timeToLive', { key: 'a' })).toBeNull()
      expect(store.send('persist', { key: 'a' })).toBe(false)
      expect(store.send('expire', { key: 'a', inMs: 1000 })).toBe(false)
      expect(store.send('set', { key: 'a', value: '2', when: 'present' })).toEqual({ done: false, previous: null })
    })

    it.each([
      ['increment', { key: 'a' }, '1'],
      ['append', { key: 'a', value: 'x' }, 1],
      ['put', { key: 'a', value: 'x' }, true],
      ['set', { key: 'a', value: 'x', keepExpiry: true }, { done: true, previous: null }],
    ])('%s after the time is over starts anew and for good', (type, message, reply) => {
      const store = started()
      store.send('set', { key: 'a', value: '41', expireInMs: 100 })
      store.delay(100)
      expect(store.send(type, message)).toEqual(reply)
      expect(store.send('timeToLive', { key: 'a' })).toEqual({ expiresInMs: null })
      store.pass(10_000)
      expect(store.send('exists', { key: 'a' })).toBe(true)
    })

    it.each([
      ['increment', { key: 'a' }, 100],
      ['append', { key: 'a', value: '0' }, 100],
      ['set', { key: 'a', value: '0', keepExpiry: true }, 100],
      ['set', { key: 'a', value: '0' }, null],
      ['set', { key: 'a', value: '0', expireInMs: 5 }, 5],
      ['put', { key: 'a', value: '0' }, null],
      ['persist', { key: 'a' }, null],
      ['expire', { key: 'a', inMs: 7 }, 7],
    ])('%s %j leaves a time to live of %s of 100 ms', (type, message, expiresInMs) => {
      const store = started()
      store.send('set', { key: 'a', value: '1', expireInMs: 100 })
      store.send(type, message)
      expect(store.send('timeToLive', { key: 'a' })).toEqual({ expiresInMs })
      expect(store.timers.size).toBe(expiresInMs === null ? 0 : 1)
      if (expiresInMs === null) return
      store.pass(expiresInMs)
      expect(store.state.entries.size).toBe(0)
    })

    it('a key that is taken away takes its timer along', () => {
      const store = started()
      for (const type of ['delete', 'take']) {
        store.send('set', { key: 'a', value: '1', expireInMs: 100 })
        store.send(type, { key: 'a' })
        expect(store.timers.size).toBe(0)
        expect(store.state.expiries.size).toBe(0)
      }
    })

    it('a time that is not after now is over', () => {
      const store = started()
      expect(store.send('expire', { key: 'a', inMs: 0 })).toBe(false)
      store.send('put', { key: 'a', value: '1' })
      expect(store.send('expire', { key: 'a', inMs: -1 })).toBe(true)
      expect(store.send('exists', { key: 'a' })).toBe(false)
    })

    it('a life longer than any timer reaches ends on time', () => {
      const store = started()
      const tenYearsMs = 10 * 365 * 24 * 3600 * 1000
      store.send('set', { key: 'a', value: '1', expireInMs: tenYearsMs })
      store.pass(tenYearsMs - 1)
      expect(store.send('get', { key: 'a' })).toBe('1')
      store.pass(1)
      expect(store.state.entries.size).toBe(0)
    })

    it('a timer that outlived its entry does nothing', () => {
      const store = started()
      store.send('set', { key: 'a', value: '1', expireInMs: 100 })
      const [[name, timer]] = [...store.timers] as [[string, never]]
      store.send('put', { key: 'a', value: '2' })
      store.timers.set(name, timer)
      store.pass(1000)
      expect(store.send('get', { key: 'a' })).toBe('2')
    })
  })
})

const fewKeys = fc.constantFrom('a', 'b', 'c', 'd', 'é', '\0ÿ')
const fewValues = fc.constantFrom<Value>('1', '-7', '', 'text', new Uint8Array([0xff]))

/** A message about a key, or time that goes by. */
const step = fc.oneof(
  fc.record({ type: fc.constantFrom('get', 'delete', 'take', 'persist', 'timeToLive'), key: fewKeys }),
  fc.record({ type: fc.constant('put'), key: fewKeys, value: fewValues }),
  fc.record({ type: fc.constant('append'), key: fewKeys, value: fewValues }),
  fc.record({ type: fc.constant('increment'), key: fewKeys, by: fc.integer() }),
  fc.record({ type: fc.constant('expire'), key: fewKeys, inMs: fc.integer({ min: -1, max: 30 }) }),
  fc.record({ type: fc.constant('set'), key: fewKeys, value: fewValues, expireInMs: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ delayMs: fc.integer({ min: 1, max: 10 }) }),
)
type Step = { type: string; key: string } | { delayMs: number }
const steps = fc.array(step as fc.Arbitrary<Step>, { maxLength: 60 })

function take(agent: HandRunAgent<Shelves<unknown>>, { type, ...message }: Step & { type: string }): unknown {
  try {
    return agent.send(type, message)
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Runs the steps and gives the replies. Each step goes to the agent of its key; time goes by for all. */
function run(agents: HandRunAgent<Shelves<unknown>>[], ownerOf: (key: string) => number, taken: Step[]): unknown[] {
  return taken.map((next) => {
    if ('type' in next) return take(agents[ownerOf(next.key)] as HandRunAgent<Shelves<unknown>>, next)
    for (const agent of agents) agent.delay(next.delayMs)
    return undefined
  })
}

describe.each(versions)('divided by key, the store, %s,', (_version, definition) => {
  const { keyOf, split, merge } = definition.partition as NonNullable<AnyStore['partition']>
  const parts = 3
  const ownerOf = (key: string) => (key.codePointAt(0) as number) % parts

  it('knows the key of every message', () => {
    expect(keyOf({ key: 'a' }, 'get')).toBe('a')
    expect(keyOf({}, 'get')).toBeUndefined()
    expect(keyOf(null, 'get')).toBeUndefined()
  })

  it('loses nothing, copies nothing and leaves its state as it was', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const whole = new HandRunAgent(definition)
        run([whole], () => 0, taken)
        const before = structuredClone(whole.state)
        const states = split(whole.state, ownerOf, parts)
        expect(whole.state).toEqual(before)
        expect(states).toHaveLength(parts)
        states.forEach((state, index) => {
          for (const [key, entry] of state.entries) {
            expect(ownerOf(key)).toBe(index)
            expect(entry).toBe(whole.state.entries.get(key))
          }
          for (const key of state.expiries.keys()) expect(ownerOf(key)).toBe(index)
        })
        const merged = merge(states)
        expect(merged).toEqual(before)
        expect(merge(split(merged, () => 0, 1))).toEqual(before)
      }),
    )
  })

  it('answers as the whole does, and comes to the same state', () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const whole = new HandRunAgent(definition)
        run([whole], () => 0, before)
        const divided = split(whole.state, ownerOf, parts).map((state) => {
          const part = new HandRunAgent(definition, state)
          part.nowMs = whole.nowMs
          return part
        })
        expect(run(divided, ownerOf, after)).toEqual(run([whole], () => 0, after))
        expect(merge(divided.map((part) => part.state))).toEqual(whole.state)
      }),
    )
  })
})

describe('upgraded to version 2, the store', () => {
  const upgraded = () => {
    const old = new HandRunAgent(kvs)
    old.send('put', { key: 'a', value: '1' })
    old.send('set', { key: 'b', value: new Uint8Array([0xff]), expireInMs: 100 })
    const before = structuredClone(old.state)
    const store = new HandRunAgent(kvs2, kvs2.migrate?.(old.state, 1) as Shelves<Revised>)
    expect(old.state).toEqual(before)
    return store
  }

  it('has every value and every time to live', () => {
    const store = upgraded()
    expect(store.send('get', { key: 'a' })).toBe('1')
    expect(store.send('get', { key: 'b' })).toStrictEqual(new Uint8Array([0xff]))
    expect(store.send('timeToLive', { key: 'a' })).toEqual({ expiresInMs: null })
    expect(store.send('timeToLive', { key: 'b' })).toEqual({ expiresInMs: 100 })
  })

  it('tells of revisions', () => {
    const store = upgraded()
    expect(store.send('describe', { key: 'a' })).toEqual({ revision: 1, updatedAtMs: null, sizeBytes: 1 })
    store.send('append', { key: 'a', value: '0' })
    store.send('expire', { key: 'a', inMs: 10 })
    expect(store.send('describe', { key: 'a' })).toEqual({ revision: 2, updatedAtMs: store.nowMs, sizeBytes: 2 })
    store.delay(10)
    expect(store.send('describe', { key: 'a' })).toBeNull()
    store.send('put', { key: 'a', value: '' })
    expect(store.send('describe', { key: 'a' })).toEqual({ revision: 1, updatedAtMs: store.nowMs, sizeBytes: 0 })
  })
})
