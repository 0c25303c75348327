import type { Context, Partition } from '@ovid/runtime'

/** Entries by key, and the time (ms since the epoch) at which those that expire do. */
export interface Shelves<Entry> {
  readonly entries: Map<string, Entry>
  readonly expiries: Map<string, number>
}

/** What of a handler's context the shelves need. */
export type Clock = Pick<Context, 'now' | 'setTimer' | 'clearTimer'>

/** Timers of a host reach no further than 2^31 - 1 ms; a longer life is waited for in several turns. */
const longestTimerMs = 2 ** 31 - 1

export function emptyShelves<Entry>(): Shelves<Entry> {
  return { entries: new Map(), expiries: new Map() }
}

/** The entry of a key. One that is due is gone, however late its timer. */
export function find<Entry>(shelves: Shelves<Entry>, key: string, clock: Pick<Clock, 'now'>): Entry | undefined {
  return isDue(shelves, key, clock) ? undefined : shelves.entries.get(key)
}

/** Puts an entry under a key. A time to live that the key has stays, unless it is over. */
export function place<Entry>(shelves: Shelves<Entry>, key: string, entry: Entry, clock: Clock): void {
  if (isDue(shelves, key, clock)) keepForGood(shelves, key, clock)
  shelves.entries.set(key, entry)
}

/** Takes a key away. Says whether it was there. */
export function remove<Entry>(shelves: Shelves<Entry>, key: string, clock: Clock): boolean {
  const found = find(shelves, key, clock) !== undefined
  keepForGood(shelves, key, clock)
  shelves.entries.delete(key)
  return found
}

/** Lets an entry expire `inMs` from now. */
export function expireIn<Entry>(shelves: Shelves<Entry>, key: string, inMs: number, clock: Clock): void {
  shelves.expiries.set(key, clock.now + inMs)
  wake(key, inMs, clock)
}

/** Takes a key's time to live away. Says whether it had one. */
export function keepForGood<Entry>(shelves: Shelves<Entry>, key: string, clock: Clock): boolean {
  if (!shelves.expiries.delete(key)) return false
  clock.clearTimer('expire', key)
  return true
}

/** What the timer of a key does: removes what is due, or waits on. */
export function expireIfDue<Entry>(shelves: Shelves<Entry>, key: string, clock: Clock): void {
  const dueMs = shelves.expiries.get(key)
  if (dueMs === undefined) return
  if (dueMs > clock.now) wake(key, dueMs - clock.now, clock)
  else {
    shelves.expiries.delete(key)
    shelves.entries.delete(key)
  }
}

/** How shelves are divided by key and put together. Entries move as they are, none is copied. */
export function byKey<Entry>(): Partition<Shelves<Entry>> {
  return {
    keyOf: (message: unknown) => {
      const key = (message as { key?: unknown } | null)?.key
      return typeof key === 'string' ? key : undefined
    },
    split: (shelves, ownerOf, parts) => {
      const divided = Array.from({ length: parts }, () => emptyShelves<Entry>())
      for (const [key, entry] of shelves.entries) divided[ownerOf(key)]?.entries.set(key, entry)
      for (const [key, dueMs] of shelves.expiries) divided[ownerOf(key)]?.expiries.set(key, dueMs)
      return divided
    },
    merge: (states) => {
      const whole = emptyShelves<Entry>()
      for (const { entries, expiries } of states) {
        for (const [key, entry] of entries) whole.entries.set(key, entry)
        for (const [key, dueMs] of expiries) whole.expiries.set(key, dueMs)
      }
      return whole
    },
  }
}

function isDue<Entry>(shelves: Shelves<Entry>, key: string, clock: Pick<Clock, 'now'>): boolean {
  const dueMs = shelves.expiries.get(key)
  return dueMs !== undefined && dueMs <= clock.now
}

function wake(key: string, inMs: number, clock: Clock): void {
  clock.setTimer({ handler: 'expire', id: key, afterMs: Math.min(inMs, longestTimerMs), data: { key } })
}
