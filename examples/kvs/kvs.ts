import { defineAgent } from '@ovid/runtime'
import { incremented } from './store/integers.js'
import {
  type ExpireMessage,
  type IncrementMessage,
  type KeyMessage,
  messages,
  type PutMessage,
  type SetMessage,
} from './store/messages.js'
import {
  byKey,
  type Clock,
  emptyShelves,
  expireIfDue,
  expireIn,
  find,
  keepForGood,
  place,
  remove,
  type Shelves,
} from './store/shelves.js'
import { byteLength, joined, storable, type Value } from './store/values.js'

/**
 * What the store answers, whichever way its version keeps an entry: all commands of the gateway, each a single
 * transition about a single key. Nothing here knows of shards, threads or sockets.
 *
 * Every error is thrown before the state is touched.
 *
 * @param valueIn the value in an entry
 * @param entryOf the entry that holds `value` from now on in place of `previous`
 */
export function store<Entry>(
  valueIn: (entry: Entry) => Value,
  entryOf: (value: Value, previous: Entry | undefined, nowMs: number) => Entry,
) {
  type State = Shelves<Entry>

  const read = (state: State, key: string, clock: Pick<Clock, 'now'>): Value | undefined => {
    const entry = find(state, key, clock)
    return entry === undefined ? undefined : valueIn(entry)
  }
  const write = (state: State, key: string, value: Value, clock: Clock): void => {
    place(state, key, entryOf(value, find(state, key, clock), clock.now), clock)
  }

  return {
    reads: {
      /** The value, or null if there is none. */
      get: (state: State, { key }: KeyMessage, clock: Clock): Value | null => read(state, key, clock) ?? null,

      exists: (state: State, { key }: KeyMessage, clock: Clock): boolean => find(state, key, clock) !== undefined,

      /** Bytes of the value, 0 if there is none. */
      length: (state: State, { key }: KeyMessage, clock: Clock): number => byteLength(read(state, key, clock) ?? ''),

      /** Milliseconds until the key expires, null if it never does; null for all if there is no such key. */
      timeToLive: (state: State, { key }: KeyMessage, clock: Clock): { expiresInMs: number | null } | null => {
        if (find(state, key, clock) === undefined) return null
        const dueMs = state.expiries.get(key)
        return { expiresInMs: dueMs === undefined ? null : dueMs - clock.now }
      },
    },

    writes: {
      /** Stores a value for good. */
      put: (state: State, { key, value }: PutMessage, clock: Clock): true => {
        write(state, key, storable(value), clock)
        keepForGood(state, key, clock)
        return true
      },

      /** Stores a value if its conditions hold. Says whether they did, and what was there before if asked to. */
      set: (state: State, message: SetMessage, clock: Clock): { done: boolean; previous: Value | null } => {
        const { key, when, expireInMs } = message
        const value = storable(message.value)
        const old = read(state, key, clock)
        const done = when === undefined || (when === 'absent') === (old === undefined)
        if (done) {
          write(state, key, value, clock)
          if (expireInMs !== undefined) expireIn(state, key, expireInMs, clock)
          else if (message.keepExpiry !== true) keepForGood(state, key, clock)
        }
        return { done, previous: message.returnPrevious === true ? (old ?? null) : null }
      },

      /** Takes the key away. Says whether it was there. */
      delete: (state: State, { key }: KeyMessage, clock: Clock): boolean => remove(state, key, clock),

      /** Takes the key away and gives its value, or null. */
      take: (state: State, { key }: KeyMessage, clock: Clock): Value | null => {
        const value = read(state, key, clock) ?? null
        remove(state, key, clock)
        return value
      },

      /** Adds to the integer stored, 1 unless told. Gives the digits of the sum: it may be beyond a double's reach. */
      increment: (state: State, { key, by = 1 }: IncrementMessage, clock: Clock): string => {
        const sum = incremented(read(state, key, clock), BigInt(by))
        write(state, key, sum, clock)
        return sum
      },

      /** Adds to the end of the value. Gives its length in bytes. */
      append: (state: State, { key, value }: PutMessage, clock: Clock): number => {
        const whole = joined(read(state, key, clock) ?? '', storable(value))
        write(state, key, whole, clock)
        return byteLength(whole)
      },

      /** Lets the key expire; at once if the time is not after now. Says whether the key was there. */
      expire: (state: State, { key, inMs }: ExpireMessage, clock: Clock): boolean => {
        if (inMs <= 0 || find(state, key, clock) === undefined) return remove(state, key, clock)
        expireIn(state, key, inMs, clock)
        return true
      },

      /** Takes the key's time to live away. Says whether it had one. */
      persist: (state: State, { key }: KeyMessage, clock: Clock): boolean =>
        find(state, key, clock) !== undefined && keepForGood(state, key, clock),
    },

    timers: {
      expire: (state: State, { key }: KeyMessage, clock: Clock): void => expireIfDue(state, key, clock),
    },
  }
}

/** A key-value store with the meaning of Redis's strings, partitioned by key. */
export const kvs = defineAgent({
  kind: 'kvs',
  version: 1,
  init: () => emptyShelves<Value>(),
  messages,
  ...store<Value>(
    (value) => value,
    (value) => value,
  ),
  partition: byKey<Value>(),
})
