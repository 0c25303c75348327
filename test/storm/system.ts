import { defineSystem } from '@ovid/runtime'
import { writerGateway } from './gateway.js'
import { clerks, ledgers } from './ledger.js'

const [ledger] = ledgers
const [clerk] = clerks
if (ledger === undefined || clerk === undefined) throw new Error('the storm has no first version')

/** Two agents that are changed all the time, and half of their writers: those on worker threads. */
export default defineSystem({
  name: 'storm',
  plugins: ['@ovid/shard'],
  agents: {
    Ledger: { agent: ledger, thread: 1 },
    Clerk: { agent: clerk, thread: 2 },
    WriterA: { agent: writerGateway, thread: 1 },
    WriterB: { agent: writerGateway, thread: 2 },
    WriterC: { agent: writerGateway, thread: 3 },
    WriterD: { agent: writerGateway, thread: 3 },
  },
})
