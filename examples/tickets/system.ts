import { defineSystem } from '@ovid/runtime'
import { office } from './office.js'
import { payments } from './payments.js'
import { tickets } from './tickets.js'

export default defineSystem({
  name: 'tickets',
  plugins: ['@ovid/shard'],
  agents: {
    Tickets: { agent: tickets },
    Payments: { agent: payments },
    Office: { agent: office, params: { port: 0 } },
  },
})
