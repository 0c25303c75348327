import { type DeferredToken, defineAgent, type Outcome, OvidError } from '@ovid/runtime'
import { z } from 'zod'

/** Seats of one event. Whoever has a place in `holders` has a seat. */
interface Seats {
  readonly seats: number
  readonly holders: Map<string, 'held' | 'buying' | 'sold'>
}

interface State {
  readonly events: Map<string, Seats>
}

const about = z.object({ event: z.string() })
const holding = about.extend({ customer: z.string() })
const messages = {
  free: about,
  open: about.extend({ seats: z.int().positive() }),
  hold: holding,
  buy: holding.extend({ card: z.string() }),
}
type About = z.infer<typeof about>
type Holding = z.infer<typeof holding>

/** A seat that is held and not bought is free again after this time. */
export const HOLD_MS = 60_000

/** Sells seats: a customer holds one for a while, and buys it through the agent `Payments`. */
export const tickets = defineAgent({
  kind: 'tickets',
  version: 1,
  init: (): State => ({ events: new Map() }),
  messages,

  reads: {
    free: (state, { event }: About) => freeOf(seatsOf(state, event)),
  },

  writes: {
    open: (state, { event, seats }: z.infer<typeof messages.open>) => {
      if (state.events.has(event)) throw new OvidError('event-exists', `${event} is open already`)
      state.events.set(event, { seats, holders: new Map() })
    },

    hold: (state, { event, customer }: Holding, context) => {
      const found = seatsOf(state, event)
      if (found.holders.has(customer)) throw new OvidError('seat-taken', `${customer} has a seat already`)
      if (freeOf(found) === 0) throw new OvidError('sold-out', `${event} has no free seat`)
      found.holders.set(customer, 'held')
      context.setTimer({ handler: 'lapse', id: customer, afterMs: HOLD_MS, data: { event, customer } })
    },

    /** Replies when the card was charged, or refuses when it was not. */
    buy: (state, { event, customer, card }: z.infer<typeof messages.buy>, context) => {
      const { holders } = seatsOf(state, event)
      if (holders.get(customer) !== 'held') throw new OvidError('not-held', `${customer} holds no seat of ${event}`)
      holders.set(customer, 'buying')
      context.clearTimer('lapse', customer)
      const data: Purchase = { event, customer, token: context.defer() }
      context.ask('Payments', 'charge', { card }, { then: 'charged', data })
    },
  },

  timers: {
    lapse: (state, { event, customer }: Holding) => {
      seatsOf(state, event).holders.delete(customer)
    },
  },

  replies: {
    charged: (state, outcome: Outcome<Purchase>, context) => {
      const { event, customer, token } = outcome.data
      const { holders } = seatsOf(state, event)
      if (outcome.ok) {
        holders.set(customer, 'sold')
        context.reply(token, { event, customer })
      } else {
        // Only a refusal says that nothing was charged. After any other error the seat stays: a person must look.
        if (outcome.error.code === 'card-refused') holders.delete(customer)
        context.refuse(token, outcome.error.code, outcome.error.message)
      }
    },
  },

  partition: {
    keyOf: (message: Partial<About> | null) => message?.event,
    split: (state, ownerOf, parts) => {
      const states = Array.from({ length: parts }, (): State => ({ events: new Map() }))
      for (const [event, seats] of state.events) states[ownerOf(event)]?.events.set(event, seats)
      return states
    },
    merge: (states) => ({ events: new Map(states.flatMap(({ events }) => [...events])) }),
  },
})

/** A purchase that waits for `Payments`. Plain data, like all that waits. */
interface Purchase extends Holding {
  readonly token: DeferredToken
}

function seatsOf(state: State, event: string): Seats {
  const found = state.events.get(event)
  if (found === undefined) throw new OvidError('no-such-event', `there is no event ${event}`)
  return found
}

function freeOf({ seats, holders }: Seats): number {
  return seats - holders.size
}
