import { defineAgent, defineGateway, defineSystem, OvidError } from '@ovid/runtime'

/** Adds up; can be made to fail in every way there is. */
const counter = defineAgent({
  kind: 'counter',
  init: () => ({ total: 0, junk: [] as unknown[], notes: [] as number[] }),
  reads: {
    total: (state) => state.total,
    notes: (state) => [...state.notes],
    throwInRead: () => {
      throw new Error('a read that fails')
    },
    /** A reply of so many bytes. */
    bytes: (_state, message: { count: number }) => new Uint8Array(message.count),
    echo: (_state, message: unknown) => message,
    strange: () => ({ call: () => 1 }),
    getter: () => ({
      get value() {
        throw new Error('a getter that throws')
      },
    }),
    throwNothing: () => {
      throw Object.create(null)
    },
    oddCode: () => {
      throw new OvidError(5 as never, 'a code that is none')
    },
    hugeError: () => {
      throw new OvidError('huge', 'x'.repeat(70 * 1024 * 1024))
    },
  },
  writes: {
    add: (state, message: { count: number }) => {
      if (message.count < 0) throw new OvidError('negative', `count must not be negative, found ${message.count}`)
      state.total += message.count
      return state.total
    },
    note: (state, message: { number: number }) => {
      state.notes.push(message.number)
    },
    throwInWrite: (state) => {
      state.total = -1
      throw new Error('a write that fails half way')
    },
    /** Holds on to memory until there is none left. */
    hoard: (state) => {
      for (;;) state.junk.push(new Array(100_000).fill(state.junk.length))
    },
    tellGetter: (_state, _message: null, context) =>
      context.tell('Near', 'add', {
        get count() {
          throw new Error('a getter that throws')
        },
      }),
    /** Named like what every object has. */
    valueOf: (state: { total: number }) => {
      state.total = 99
      throw new Error('a write that fails half way')
    },
    later: (_state, _message: null, context) => {
      context.defer()
    },
  },
})

/** Tells and echoes, as fast as told. */
const flooder = defineAgent({
  kind: 'flooder',
  init: () => ({ pings: 0, pongs: 0 }),
  reads: { counts: (state) => ({ pings: state.pings, pongs: state.pongs }) },
  writes: {
    flood: (_state, message: { to: string; count: number }, context) => {
      for (let number = 0; number < message.count; number++) context.tell(message.to, 'ping', { from: context.self })
    },
    ping: (state, message: { from: string }, context) => {
      state.pings++
      context.tell(message.from, 'pong')
    },
    pong: (state) => {
      state.pongs++
    },
  },
})

/** Ends its thread when asked. */
const bomb = defineGateway({
  kind: 'bomb',
  start: () => ({
    handlers: {
      exit: () => process.exit(7),
      throwLater: () =>
        void setTimeout(() => {
          throw new Error('nobody catches this')
        }),
    },
  }),
})

export default defineSystem({
  name: 'trouble',
  agents: {
    Near: { agent: counter, thread: 1 },
    Far: { agent: counter, thread: 2 },
    FloodA: { agent: flooder, thread: 1 },
    FloodB: { agent: flooder, thread: 2 },
    Bomb: { agent: bomb, thread: 2 },
  },
})
