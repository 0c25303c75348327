import { type Context, type DeferredToken, defineAgent, type Outcome, type Partition } from '@ovid/runtime'
import { arrived, emptyTally, type Tally } from './tally.js'

/** An operation of a writer: the `number`th of its kind that it sends about `key`. */
export interface Operation {
  readonly key: string
  readonly writer: string
  readonly number: number
}

/** What went wrong about one key, as far as its agent can see. All 0 if nothing did. */
export interface Faults {
  readonly missing: number
  readonly doubled: number
  readonly reordered: number
}

/** All that is known of one key. */
interface Row {
  /** Operations that must arrive in order, by writer. */
  readonly notes: Map<string, Tally>
  /** Operations that ask the clerk first, and arrive in the order of its answers. */
  readonly stamped: Map<string, Tally>
  /** Tells to the clerk. */
  told: number
  asked: number
  answered: number
  timersSet: number
  timersFired: number
  /** Timers that fired before their time. */
  firedEarly: number
  /** Callers that wait until no timer and no answer is outstanding. */
  readonly resting: DeferredToken[]
}

interface State<Each> {
  /** Version of the code the state was made for. */
  readonly version: number
  readonly rows: Map<string, Each>
}

/** Longest time a timer is set for, ms. */
const LONGEST_TIMER_MS = 40

function byKey<Each>(version: number): Partition<State<Each>> {
  return {
    keyOf: (message: { key?: string } | null) => message?.key,
    split: (state, ownerOf, parts) => {
      const states = Array.from({ length: parts }, () => ({ version, rows: new Map<string, Each>() }))
      for (const [key, row] of state.rows) states[ownerOf(key)]?.rows.set(key, row)
      return states
    },
    merge: (states) => ({ version, rows: new Map(states.flatMap((state) => [...state.rows])) }),
  }
}

function rowOf<Each>(state: State<Each>, version: number, key: string, empty: () => Each): Each {
  // Code and state must change together: anything else is a fault of the upgrade.
  if (state.version !== version) throw new Error(`version ${version} runs on a state of version ${state.version}`)
  let row = state.rows.get(key)
  if (row === undefined) {
    row = empty()
    state.rows.set(key, row)
  }
  return row
}

function migrate<Each>(to: number) {
  return (state: State<Each>, from: number): State<Each> => {
    if (state.version !== from) throw new Error(`a state of version ${state.version} is said to be of ${from}`)
    return { version: to, rows: new Map(state.rows) }
  }
}

function tallyOf(tallies: Map<string, Tally>, writer: string): Tally {
  let tally = tallies.get(writer)
  if (tally === undefined) {
    tally = emptyTally()
    tallies.set(writer, tally)
  }
  return tally
}

const emptyRow = (): Row => ({
  notes: new Map(),
  stamped: new Map(),
  told: 0,
  asked: 0,
  answered: 0,
  timersSet: 0,
  timersFired: 0,
  firedEarly: 0,
  resting: [],
})

const isAtRest = (row: Row) => row.asked === row.answered && row.timersSet === row.timersFired

function wakeResting(row: Row, context: Context): void {
  if (isAtRest(row)) for (const token of row.resting.splice(0)) context.reply(token, true)
}

/**
 * A version of the agent that counts, per writer and key, which operations have arrived. It uses all that an agent
 * can wait for (timers, answers, replies it owes), so that a change that forgets one of them is found out.
 */
export function ledgerOf(version: number) {
  type Ledger = State<Row>
  const at = (state: Ledger, key: string) => rowOf(state, version, key, emptyRow)
  return defineAgent({
    kind: 'ledger',
    version,
    init: (): Ledger => ({ version, rows: new Map() }),
    reads: {
      /** The highest number that has arrived from a writer. */
      look: (state, { key, writer }: { key: string; writer: string }) =>
        state.rows.get(key)?.notes.get(writer)?.last ?? 0,
      row: (state, { key }: { key: string }) => state.rows.get(key) ?? null,
    },
    writes: {
      /** Notes the operation, tells the clerk, and says what is wrong so far. */
      note: (state, { key, writer, number }: Operation, context): Faults => {
        const row = at(state, key)
        const tally = tallyOf(row.notes, writer)
        arrived(tally, number)
        context.tell('Clerk', 'count', { key, number: ++row.told })
        return { missing: tally.missing.size, doubled: tally.doubled, reordered: tally.reordered }
      },
      /** Notes the operation when the clerk has answered, and replies only then. */
      stamp: (state, operation: Operation, context) => {
        at(state, operation.key).asked++
        const data = { operation, token: context.defer() }
        context.ask('Clerk', 'stamp', { key: operation.key, number: operation.number }, { then: 'stamped', data })
      },
      /** Sets a timer. */
      remind: (state, { key, writer, number }: Operation, context) => {
        at(state, key).timersSet++
        const afterMs = context.random() * LONGEST_TIMER_MS
        const data = { key, dueMs: context.now + afterMs }
        context.setTimer({ handler: 'reminder', id: `${writer} ${number}`, afterMs, data })
        return true
      },
      /** Replies when no timer and no answer about the key is outstanding. */
      rest: (state, { key }: { key: string }, context) => {
        const row = at(state, key)
        if (isAtRest(row)) return true
        row.resting.push(context.defer())
        return undefined
      },
    },
    timers: {
      reminder: (state, { key, dueMs }: { key: string; dueMs: number }, context) => {
        const row = at(state, key)
        row.timersFired++
        if (context.now < dueMs) row.firedEarly++
        wakeResting(row, context)
      },
    },
    replies: {
      stamped: (state, outcome: Outcome<{ operation: Operation; token: DeferredToken }>, context) => {
        const { operation, token } = outcome.data
        const row = at(state, operation.key)
        row.answered++
        if (outcome.ok && outcome.value === operation.number) {
          arrived(tallyOf(row.stamped, operation.writer), operation.number)
          context.reply(token, operation.number)
        } else {
          const { code, message } = outcome.ok
            ? { code: 'wrong-answer', message: `the clerk answered ${String(outcome.value)} to ${operation.number}` }
            : outcome.error
          context.refuse(token, code, message)
        }
        wakeResting(row, context)
      },
    },
    partition: byKey<Row>(version),
    migrate: migrate<Row>(version),
  })
}

/** A version of the agent that the ledger asks and tells: another sharded agent behind the first. */
export function clerkOf(version: number) {
  type Clerk = State<Tally>
  const at = (state: Clerk, key: string) => rowOf(state, version, key, emptyTally)
  return defineAgent({
    kind: 'clerk',
    version,
    init: (): Clerk => ({ version, rows: new Map() }),
    reads: {
      stamp: (_state, { number }: { key: string; number: number }) => number,
      row: (state, { key }: { key: string }) => state.rows.get(key) ?? null,
    },
    writes: {
      count: (state, { key, number }: { key: string; number: number }) => arrived(at(state, key), number),
    },
    partition: byKey<Tally>(version),
    migrate: migrate<Tally>(version),
  })
}

export type Ledger = ReturnType<typeof ledgerOf>
export type Clerk = ReturnType<typeof clerkOf>

/** Versions there are to upgrade to. */
export const LAST_VERSION = 1000

/** Version `n` is at index `n - 1`: what code is found by on every thread. */
export const ledgers: readonly Ledger[] = Array.from({ length: LAST_VERSION }, (_, index) => ledgerOf(index + 1))
export const clerks: readonly Clerk[] = Array.from({ length: LAST_VERSION }, (_, index) => clerkOf(index + 1))
