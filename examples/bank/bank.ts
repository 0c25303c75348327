import { defineAgent, OvidError } from '@ovid/runtime'
import { z } from 'zod'
import { amount, name } from './messages.js'

/** Balances by account. */
interface Accounts {
  readonly accounts: Map<string, number>
}

/** The bank's own errors. Each is thrown before a balance is touched: the money is where it was. */
export const bankErrors = [
  'account-exists',
  'no-such-account',
  'insufficient-funds',
  'balance-too-large',
  'account-not-empty',
]

const about = z.strictObject({ account: name })
const moving = z.strictObject({ account: name, amount })
const opening = z.strictObject({ account: name, deposit: amount.optional() })

type About = z.infer<typeof about>
type Moving = z.infer<typeof moving>
type Opening = z.infer<typeof opening>

/**
 * Accounts, partitioned by their names.
 *
 * Nothing here guards against a message that comes twice or not at all: none does.
 */
export const bank = defineAgent({
  kind: 'bank',
  init: (): Accounts => ({ accounts: new Map() }),
  messages: { balance: about, open: opening, deposit: moving, withdraw: moving, close: about },

  reads: {
    balance: ({ accounts }, { account }: About): number => balanceOf(accounts, account),
  },

  writes: {
    /** Gives the new account's balance. */
    open: ({ accounts }, { account, deposit = 0 }: Opening): number => {
      if (accounts.has(account)) throw new OvidError('account-exists', `there is an account ${account} already`)
      accounts.set(account, deposit)
      return deposit
    },

    /** Gives the new balance. */
    deposit: ({ accounts }, { account, amount }: Moving): number => {
      const balance = balanceOf(accounts, account) + amount
      if (!Number.isSafeInteger(balance)) {
        throw new OvidError('balance-too-large', `${account} cannot hold ${amount} more`)
      }
      accounts.set(account, balance)
      return balance
    },

    /** Gives the new balance. */
    withdraw: ({ accounts }, { account, amount }: Moving): number => {
      const balance = balanceOf(accounts, account) - amount
      if (balance < 0) {
        throw new OvidError('insufficient-funds', `${account} has ${balance + amount}, which is less than ${amount}`)
      }
      accounts.set(account, balance)
      return balance
    },

    close: ({ accounts }, { account }: About): true => {
      const balance = balanceOf(accounts, account)
      if (balance > 0) throw new OvidError('account-not-empty', `${account} has ${balance}: withdraw it first`)
      accounts.delete(account)
      return true
    },
  },

  partition: {
    keyOf: (message: { account?: string } | null) => message?.account,
    split: ({ accounts }, ownerOf, parts) => {
      const divided = Array.from({ length: parts }, (): Accounts => ({ accounts: new Map() }))
      for (const [account, balance] of accounts) divided[ownerOf(account)]?.accounts.set(account, balance)
      return divided
    },
    merge: (states) => ({ accounts: new Map(states.flatMap(({ accounts }) => [...accounts])) }),
  },
})

function balanceOf(accounts: ReadonlyMap<string, number>, account: string): number {
  const balance = accounts.get(account)
  if (balance === undefined) throw new OvidError('no-such-account', `there is no account ${account}`)
  return balance
}
