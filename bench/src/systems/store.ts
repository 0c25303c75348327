import { defineAgent, defineGateway, defineSystem } from '@ovid/runtime'
import { shard } from '@ovid/shard'
import { keyAt, keyOf, VALUE } from '../puts.js'
import { timeBatches, timeEach } from '../samples.js'

/*
 * The store under measurement and the driver that measures it from within the box. The driver is a gateway, because a
 * gateway runs on a worker thread of one's choice: on the store's own, or on another.
 *
 * The layout is in the query of the module's URL: store.ts?thread=2&shards=2
 */

interface Put {
  readonly key: string
  readonly value: string
}

const store = defineAgent({
  kind: 'bench-store',
  init: () => ({ entries: new Map<string, string>(), added: 0 }),
  reads: {
    get: (state, message: { key: string }) => state.entries.get(message.key) ?? null,
    added: (state) => state.added,
  },
  writes: {
    put: (state, message: Put) => {
      state.entries.set(message.key, message.value)
      return true
    },
    add: (state, _message: Put) => {
      state.added++
    },
  },
  partition: {
    keyOf: (message: { key?: string }) => message.key,
    split: (state, ownerOf, parts) => {
      const split = Array.from({ length: parts }, () => ({ entries: new Map<string, string>(), added: 0 }))
      for (const [key, value] of state.entries) split[ownerOf(key)]?.entries.set(key, value)
      return split
    },
    merge: (states) => ({ entries: new Map(states.flatMap((state) => [...state.entries])), added: 0 }),
  },
})

const driver = defineGateway({
  kind: 'bench-driver',
  start: (gateway) => {
    const kvs = gateway.agent<typeof store>('KVS')
    let loading: Promise<number> | undefined
    let isLoaded = false
    /** One PUT after the other until told to stop; gives the longest time one took, µs. */
    const load = async () => {
      let longestUs = 0
      for (let index = 0; isLoaded; index++) {
        const before = performance.now()
        await kvs.put({ key: keyAt(index), value: VALUE })
        longestUs = Math.max(longestUs, (performance.now() - before) * 1000)
        // A pure chain of promises would keep the thread from its timers and sockets.
        await new Promise(setImmediate)
      }
      return longestUs
    }
    return {
      handlers: {
        /** PUTs one after the other. */
        putInTurn: ({ count }: { count: number }) =>
          timeEach(count, (index) => kvs.put({ key: keyAt(index), value: VALUE })),
        /** PUTs in batches, all of a batch under way at once. */
        putPipelined: ({ batches, size }: { batches: number; size: number }) =>
          timeBatches(batches, size, (each) =>
            Promise.all(Array.from({ length: each }, (_, index) => kvs.put({ key: keyAt(index), value: VALUE }))),
          ),
        /** One-way messages in batches; a batch ends when the agent says that it has handled all of it. */
        tell: ({ batches, size }: { batches: number; size: number }) =>
          timeBatches(batches, size, async (each) => {
            for (let index = 0; index < each; index++) gateway.tell('KVS', 'add', { key: keyAt(index), value: VALUE })
            await kvs.added()
          }),
        fill: async ({ entries }: { entries: number }) => {
          for (let index = 0; index < entries; index++) await kvs.put({ key: keyOf(index), value: VALUE })
          return true
        },
        beginLoad: () => {
          isLoaded = true
          loading = load()
          return true
        },
        endLoad: () => {
          isLoaded = false
          return loading ?? 0
        },
      },
    }
  },
})

const layout = new URL(import.meta.url).searchParams
const shards = Number(layout.get('shards') ?? 0)

export default defineSystem({
  name: 'bench-store',
  plugins: ['@ovid/shard'],
  agents: {
    KVS: { agent: store, ...(shards === 0 && { thread: Number(layout.get('thread') ?? 1) }) },
    Driver: { agent: driver, thread: 1 },
  },
  transformations: shards === 0 ? [] : [{ at: 'KVS', by: shard({ shards }) }],
})
