import { type Context, type DeferredToken, OvidError } from '@ovid/runtime'
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { HOLD_MS, tickets } from './tickets.js'

type State = ReturnType<typeof tickets.init>

/** What a handler did beside changing its state, in order. */
let done: unknown[]

const unused = () => {
  throw new Error('not used by this agent')
}
const context: Context = {
  self: 'Tickets',
  sender: 'Test',
  now: 0,
  random: unused,
  tell: unused,
  ask: (...request) => done.push(['ask', ...request]),
  defer: () => ({ deferred: 'token' }) satisfies DeferredToken,
  reply: (token, value) => done.push(['reply', token, value]),
  refuse: (token, code) => done.push(['refuse', token, code]),
  setTimer: (options) => done.push(['setTimer', options]),
  clearTimer: (handler, id) => done.push(['clearTimer', handler, id]),
}

/** The reply, or the code of the error. */
function send(state: State, type: string, message: object): unknown {
  try {
    return tickets.handlers.get(type)?.(state, { event: 'opera', ...message }, context) ?? null
  } catch (error) {
    if (error instanceof OvidError) return error.code
    throw error
  }
}

beforeEach(() => {
  done = []
})

function opened(seats: number): State {
  const state = tickets.init(undefined)
  send(state, 'open', { seats })
  return state
}

test('a seat is held, lapses, and is free again', () => {
  const state = opened(1)
  const ann = { event: 'opera', customer: 'ann' }
  expect(send(state, 'hold', ann)).toBeNull()
  expect(done).toEqual([['setTimer', { handler: 'lapse', id: 'ann', afterMs: HOLD_MS, data: ann }]])
  expect(send(state, 'hold', { customer: 'bob' })).toBe('sold-out')
  tickets.timers?.lapse?.(state, ann, context)
  expect(send(state, 'free', {})).toBe(1)
})

test.each([
  ['is sold when the card is charged', { ok: true, value: null }, 'reply', 0],
  ['is free when the card is refused', { ok: false, error: { code: 'card-refused', message: '' } }, 'refuse', 1],
  ['stays when nobody knows', { ok: false, error: { code: 'agent-lost', message: '' } }, 'refuse', 0],
] as const)('a seat that is bought %s', (_what, outcome, how, free) => {
  const state = opened(1)
  send(state, 'hold', { customer: 'ann' })
  send(state, 'buy', { customer: 'ann', card: '1' })
  const data = { event: 'opera', customer: 'ann', token: { deferred: 'token' } }
  expect(done.slice(1)).toEqual([
    ['clearTimer', 'lapse', 'ann'],
    ['ask', 'Payments', 'charge', { card: '1' }, { then: 'charged', data }],
  ])
  // biome-ignore lint/suspicious/noExplicitAny: the outcome of a request to an agent of another kind
  tickets.replies?.charged?.(state, { ...outcome, data } as any, context)
  expect(done.at(-1)).toEqual([how, data.token, expect.anything()])
  expect(send(state, 'free', {})).toBe(free)
})

test.each([
  ['open', { seats: 1 }, 'event-exists'],
  ['free', { event: 'ballet' }, 'no-such-event'],
  ['hold', { customer: 'ann' }, 'seat-taken'],
  ['buy', { customer: 'bob', card: '1' }, 'not-held'],
])('%s %j is refused with %s, and changes nothing', (type, message, code) => {
  const state = opened(2)
  send(state, 'hold', { customer: 'ann' })
  const before = structuredClone(state)
  done = []
  expect(send(state, type, message)).toBe(code)
  expect(state).toEqual(before)
  expect(done).toEqual([])
})

const step = fc.record({
  type: fc.constantFrom('open', 'hold', 'free'),
  event: fc.constantFrom('opera', 'ballet', 'match'),
  customer: fc.constantFrom('ann', 'bob'),
  seats: fc.integer({ min: 1, max: 2 }),
})

test('divided by event it answers as the whole does, and comes to the same state', () => {
  const { split, merge } = tickets.partition as NonNullable<typeof tickets.partition>
  const parts = 2
  const ownerOf = (event: string) => event.length % parts
  fc.assert(
    fc.property(fc.array(step), fc.array(step), (before, after) => {
      const whole = tickets.init(undefined)
      for (const message of before) send(whole, message.type, message)
      const untouched = structuredClone(whole)
      const divided = split(whole, ownerOf, parts)
      expect(whole).toEqual(untouched)
      for (const message of after) {
        const part = divided[ownerOf(message.event)] as State
        expect(send(part, message.type, message)).toEqual(send(untouched, message.type, message))
      }
      expect(merge(divided)).toEqual(untouched)
    }),
  )
})
