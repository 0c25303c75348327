import { type DeferredToken, defineAgent, defineGateway, defineSystem } from '@ovid/runtime'

/** A store whose calls may stay unanswered. */
export const store = defineAgent({
  kind: 'store',
  init: () => ({ entries: new Map<string, unknown>(), owed: [] as DeferredToken[] }),
  reads: {
    get: (state, { key }: { key: string }) => state.entries.get(key) ?? null,
    echo: (_state, message: unknown) => message,
  },
  writes: {
    put: (state, { key, value }: { key: string; value: unknown }) => {
      state.entries.set(key, value)
      return true
    },
    /** Is never answered. */
    keepWaiting: (state, _message: unknown, context) => void state.owed.push(context.defer()),
  },
  partition: {
    keyOf: (message: { key?: string } | null) => message?.key,
    split: (state, ownerOf, parts) => {
      const states = Array.from({ length: parts }, () => ({ entries: new Map<string, unknown>(), owed: [] }))
      for (const [key, value] of state.entries) states[ownerOf(key)]?.entries.set(key, value)
      return states
    },
    merge: (states) => ({ entries: new Map(states.flatMap(({ entries }) => [...entries])), owed: [] }),
  },
})

/** Calls the store from its thread, and tells what keeps it awake. */
export const caller = defineGateway({
  kind: 'caller',
  start: (gateway) => {
    const near = gateway.agent<typeof store>('Store')
    return {
      handlers: {
        put: (message: { key: string; value: string }) => near.put(message),
        awake: () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'Immediate'),
      },
    }
  },
})

/** Sends balls to its peer in small batches, and echoes each that it gets. */
const flooder = defineAgent({
  kind: 'flooder',
  init: ({ peer }: { peer: string }) => ({
    peer,
    left: 0,
    sent: 0,
    echoed: 0,
    caught: 0,
    wrong: 0,
    waiting: [] as DeferredToken[],
  }),
  writes: {
    /** Replies when the peer has echoed all. */
    begin: (state, { count }: { count: number }, context) => {
      state.left = count
      state.waiting.push(context.defer())
      context.tell(context.self, 'serve')
    },
    serve: (state, _message: unknown, context) => {
      for (let batch = 0; batch < 50 && state.left > 0; batch++, state.left--) {
        context.tell(state.peer, 'ball', { number: ++state.sent })
      }
      if (state.left > 0) context.tell(context.self, 'serve')
    },
    ball: (state, { number }: { number: number }, context) => {
      if (number !== ++state.caught) state.wrong++
      context.tell(state.peer, 'echo', { number })
    },
    echo: (state, { number }: { number: number }, context) => {
      if (number !== ++state.echoed) state.wrong++
      if (state.echoed < state.sent || state.left > 0) return
      for (const token of state.waiting.splice(0)) context.reply(token, state.echoed)
    },
  },
  reads: { figures: ({ sent, echoed, caught, wrong }) => ({ sent, echoed, caught, wrong }) },
})

export type Flooder = typeof flooder

export default defineSystem({
  name: 'plain',
  plugins: ['@ovid/shard'],
  agents: {
    Store: { agent: store, thread: 1 },
    Other: { agent: store, thread: 2 },
    Left: { agent: flooder, params: { peer: 'Right' }, thread: 1 },
    Right: { agent: flooder, params: { peer: 'Left' }, thread: 2 },
    CallerA: { agent: caller, thread: 1 },
    CallerC: { agent: caller, thread: 3 },
  },
})
