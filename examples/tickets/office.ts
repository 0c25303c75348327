import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineGateway, OvidError } from '@ovid/runtime'
import type { tickets } from './tickets.js'

/** Tells over HTTP how many seats of an event are free: `GET /EVENT`. */
export const office = defineGateway({
  kind: 'office',
  start: async (gateway) => {
    const { port } = gateway.params as { port: number }
    const seats = gateway.agent<typeof tickets>('Tickets', { timeoutMs: 5000 })
    const server = createServer(async (request, response) => {
      try {
        const event = decodeURIComponent((request.url ?? '/').slice(1))
        response.end(`${await seats.free({ event })}\n`)
      } catch (error) {
        response.statusCode = error instanceof OvidError && error.code === 'no-such-event' ? 404 : 500
        response.end(`${error instanceof Error ? error.message : error}\n`)
      }
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    return {
      handlers: { address: () => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }) },
      stop: () => {
        server.closeAllConnections()
        return new Promise<void>((resolve) => server.close(() => resolve()))
      },
    }
  },
})
