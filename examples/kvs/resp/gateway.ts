import { defineGateway, OvidError } from '@ovid/runtime'
import { z } from 'zod'
import type { kvs } from '../kvs.js'
import { largestValueBytes } from '../store/values.js'
import { RespServer } from './server.js'

const parameters = z.strictObject({
  /** TCP port; 0 takes any that is free. */
  port: z.int().min(0).max(65_535).default(0),
  /** Takes any free port if `port` is taken. */
  anyPortIfTaken: z.boolean().default(false),
  /** The gateway knows no passwords: leave it on the loopback interface. */
  host: z.string().default('127.0.0.1'),
  /** Name of the agent that stores. */
  store: z.string().default('KVS'),
  /** A longer argument ends its connection. */
  maxValueBytes: z.int().min(1).max(largestValueBytes).default(largestValueBytes),
})

/**
 * The store as a Redis server: speaks RESP2 to any number of clients. `call Redis address {}` says where.
 *
 * Requests of one connection are put to the store in their order, so those about one key take effect in it, sharded
 * or not. A command about many keys is one message for each: it is not atomic, as with a proxy of a Redis cluster.
 */
export const resp = defineGateway({
  kind: 'resp-gateway',
  start: async (gateway) => {
    const read = parameters.safeParse(gateway.params ?? {})
    if (!read.success) throw new OvidError('option-invalid', `${gateway.self}: ${z.prettifyError(read.error)}`)
    const { store, host, port, anyPortIfTaken, maxValueBytes } = read.data
    const server = await RespServer.start({
      store: gateway.agent<typeof kvs>(store),
      host,
      port,
      anyPortIfTaken,
      longestArgumentBytes: maxValueBytes,
    })
    return {
      handlers: {
        address: () => ({ host, port: server.statistics.port }),
        stats: () => ({ ...server.statistics }),
      },
      stop: () => server.stop(),
    }
  },
})
