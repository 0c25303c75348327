import { defineSystem } from '@ovid/runtime'
import { kvs } from '../kvs.js'
import { resp } from '../resp/gateway.js'
import { probe } from './probe.js'

/** The store and its Redis port, as in `../system.ts`, and callers on two threads to measure from. */
export default defineSystem({
  name: 'kvs',
  plugins: ['@ovid/shard'],
  agents: {
    KVS: { agent: kvs, thread: 1 },
    Redis: { agent: resp, params: { port: 0 }, thread: 2 },
    Near: { agent: probe, thread: 1 },
    Far: { agent: probe, thread: 3 },
  },
})
