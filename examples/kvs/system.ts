import { defineSystem } from '@ovid/runtime'
import { kvs } from './kvs.js'
import { resp } from './resp/gateway.js'

const askedPort = process.env.OVID_RESP_PORT

/**
 * A store that Redis clients can talk to. It listens on port 6399 of the loopback interface, or on any other if that
 * is taken: `call Redis address {}` says on which. OVID_RESP_PORT asks for one port and no other; 0 is any.
 */
export default defineSystem({
  name: 'kvs',
  plugins: ['@ovid/shard'],
  agents: {
    KVS: { agent: kvs },
    Redis: {
      agent: resp,
      params: askedPort === undefined ? { port: 6399, anyPortIfTaken: true } : { port: Number(askedPort) },
    },
  },
})
