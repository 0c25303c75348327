import { defineSystem } from '@ovid/runtime'
import { bank } from './bank.js'
import { transfers } from './transfers.js'

/** Accounts, and transfers between them. `demo.ovid` is a session with it. */
export default defineSystem({
  name: 'bank',
  plugins: ['@ovid/shard'],
  agents: {
    Bank: { agent: bank },
    Transfers: { agent: transfers },
  },
})
