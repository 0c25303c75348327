import { defineAgent } from '@ovid/runtime'
import { store } from './kvs.js'
import { type KeyMessage, messages } from './store/messages.js'
import { byKey, type Clock, emptyShelves, find, type Shelves } from './store/shelves.js'
import { byteLength, type Value } from './store/values.js'

/** An entry that knows its past. */
export interface Revised {
  readonly value: Value
  /** How often the value was stored, from 1. */
  readonly revision: number
  /** When it was stored last, ms since the epoch; null if that was before the upgrade. */
  readonly updatedAtMs: number | null
}

const stored = store<Revised>(
  (entry) => entry.value,
  (value, previous, nowMs) => ({ value, revision: (previous?.revision ?? 0) + 1, updatedAtMs: nowMs }),
)

/** What is known of a key. */
function describe(state: Shelves<Revised>, { key }: KeyMessage, clock: Clock) {
  const entry = find(state, key, clock)
  if (entry === undefined) return null
  return { revision: entry.revision, updatedAtMs: entry.updatedAtMs, sizeBytes: byteLength(entry.value) }
}

/**
 * The store's second version: each entry counts its revisions, and `describe` tells of them. All that the first
 * version answers, it answers too. `upgrade KVS examples/kvs/kvs-v2.ts` puts it in the place of a running `kvs`.
 */
export const kvs = defineAgent({
  kind: 'kvs',
  version: 2,
  init: () => emptyShelves<Revised>(),
  messages: { ...messages, describe: messages.get },
  reads: { ...stored.reads, describe },
  writes: stored.writes,
  timers: stored.timers,
  partition: byKey<Revised>(),
  migrate: (state: Shelves<Value>): Shelves<Revised> => ({
    entries: new Map(
      Array.from(state.entries, ([key, value]) => [key, { value, revision: 1, updatedAtMs: null } as const]),
    ),
    expiries: new Map(state.expiries),
  }),
})
