import { defineSystem } from '@ovid/runtime'
import { kvs } from '../kvs.js'
import { resp } from '../resp/gateway.js'
import { probe } from './probe.js'

/** The store of the demo: its agent on thread 1, sockets on thread 2, and a probe beside each. */
export default defineSystem({
  name: 'demo',
  plugins: ['@ovid/shard'],
  agents: {
    KVS: { agent: kvs, thread: 1 },
    Redis: { agent: resp, params: { port: 0 }, thread: 2 },
    NearProbe: { agent: probe, thread: 1 },
    FarProbe: { agent: probe, thread: 2 },
  },
})
