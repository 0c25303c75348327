import { type Context, type DeferredToken, defineAgent, type Outcome, OvidError } from '@ovid/runtime'
import { z } from 'zod'
import { bankErrors } from './bank.js'
import { amount, name } from './messages.js'

/**
 *     withdrawing ──→ depositing ──→ done
 *          │               ↓
 *          │           refunding          the receiver could not take it: back to the sender
 *          ↓               ↓
 *        refused ←─────────┘
 *
 *     any step ──→ in-doubt               whether the bank did its part is unknown: a person must look
 */
type Status = 'withdrawing' | 'depositing' | 'refunding' | 'done' | 'refused' | 'in-doubt'

interface Reason {
  readonly code: string
  readonly message: string
}

interface Transfer {
  readonly from: string
  readonly to: string
  readonly amount: number
  readonly status: Status
  /** Why it was refused or is in doubt. */
  readonly reason: Reason | null
  /** Who is owed a reply. */
  readonly waiting: readonly DeferredToken[]
}

type Change = Partial<Transfer>

/** Transfers by id, those that have ended too: whoever asks again is told how. */
interface Transfers {
  readonly transfers: Map<string, Transfer>
}

const about = z.strictObject({ id: name })
const ordering = z.strictObject({ id: name, from: name, to: name, amount })

type About = z.infer<typeof about>
type Ordering = z.infer<typeof ordering>

/**
 * Moves money between accounts of the agent Bank, each transfer step by step. Partitioned by the transfers' ids: one
 * that waits for the bank goes on wherever it is when the bank answers.
 */
export const transfers = defineAgent({
  kind: 'transfers',
  init: (): Transfers => ({ transfers: new Map() }),
  messages: { status: about, transfer: ordering },

  reads: {
    status: ({ transfers }, { id }: About) => {
      const transfer = transfers.get(id)
      return transfer === undefined ? null : { status: transfer.status, reason: transfer.reason }
    },
  },

  writes: {
    /** Replies when the transfer has ended. An order that is repeated is carried out once. */
    transfer: ({ transfers }, { id, from, to, amount }: Ordering, context) => {
      const known = transfers.get(id)
      if (known === undefined) {
        if (from === to) throw new OvidError('same-account', `${from} is sender and receiver`)
        const waiting = [context.defer()]
        transfers.set(id, { from, to, amount, status: 'withdrawing', reason: null, waiting })
        askBank(context, 'withdraw', { account: from, amount }, id, 'withdrawn')
        return undefined
      }
      if (known.from !== from || known.to !== to || known.amount !== amount) {
        throw new OvidError('transfer-exists', `transfer ${id} was ordered with other accounts or another amount`)
      }
      if (known.status === 'done') return { status: 'done' }
      if (known.status === 'refused' || known.status === 'in-doubt') throw errorOf(known)
      transfers.set(id, { ...known, waiting: [...known.waiting, context.defer()] })
      return undefined
    },
  },

  replies: {
    withdrawn: ({ transfers }, outcome: Outcome<About>, context) => {
      const { id } = outcome.data
      if (!outcome.ok) {
        end(transfers, id, failed(outcome.error), context)
        return
      }
      const { to, amount } = changed(transfers, id, { status: 'depositing' })
      askBank(context, 'deposit', { account: to, amount }, id, 'deposited')
    },

    deposited: ({ transfers }, outcome: Outcome<About>, context) => {
      const { id } = outcome.data
      if (outcome.ok) end(transfers, id, { status: 'done' }, context)
      else if (failed(outcome.error).status === 'in-doubt') end(transfers, id, failed(outcome.error), context)
      else {
        const { from, amount } = changed(transfers, id, { status: 'refunding', reason: outcome.error })
        askBank(context, 'deposit', { account: from, amount }, id, 'refunded')
      }
    },

    refunded: ({ transfers }, outcome: Outcome<About>, context) => {
      // A sender who has closed the account meanwhile cannot be refunded: that too is for a person to settle.
      const change: Change = outcome.ok ? { status: 'refused' } : { status: 'in-doubt', reason: outcome.error }
      end(transfers, outcome.data.id, change, context)
    },
  },

  partition: {
    keyOf: (message: { id?: string } | null) => message?.id,
    split: ({ transfers }, ownerOf, parts) => {
      const divided = Array.from({ length: parts }, (): Transfers => ({ transfers: new Map() }))
      for (const [id, transfer] of transfers) divided[ownerOf(id)]?.transfers.set(id, transfer)
      return divided
    },
    merge: (states) => ({ transfers: new Map(states.flatMap(({ transfers }) => [...transfers])) }),
  },
})

function askBank(context: Context, type: string, message: unknown, id: string, handler: string): void {
  context.ask('Bank', type, message, { then: handler, data: { id } })
}

/** An error of the bank's own says that no money has moved. Any other leaves that open. */
function failed(reason: Reason): Change {
  return { status: bankErrors.includes(reason.code) ? 'refused' : 'in-doubt', reason }
}

function changed(transfers: Map<string, Transfer>, id: string, change: Change): Transfer {
  const transfer = transfers.get(id)
  if (transfer === undefined) throw new Error(`the bank answered about transfer ${id}, which was never ordered`)
  const next = { ...transfer, ...change }
  transfers.set(id, next)
  return next
}

/** Ends a transfer and tells all who wait how it ended. */
function end(transfers: Map<string, Transfer>, id: string, change: Change, context: Context): void {
  const ended = changed(transfers, id, change)
  changed(transfers, id, { waiting: [] })
  for (const token of ended.waiting) {
    if (ended.status === 'done') context.reply(token, { status: 'done' })
    else {
      const { code, message } = errorOf(ended)
      context.refuse(token, code, message)
    }
  }
}

function errorOf({ status, reason }: Transfer): OvidError {
  return new OvidError(reason?.code ?? status, `the transfer is ${status}: ${reason?.message}`)
}
