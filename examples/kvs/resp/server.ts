import { createServer, type Server, type Socket } from 'node:net'
import { OvidError } from '@ovid/runtime'
import type { Statistics, Store } from './commands/command.js'
import { Connection } from './connection.js'
import { Window } from './window.js'

/** As Redis's `maxclients`. */
const mostConnections = 10_000

/** Requests to the store of all connections together that may be under way at a time: as many as a gateway may have. */
const mostUnderWay = 4096

/** What a socket buffers before its connection stops taking requests. */
const socketBufferBytes = 256 * 1024

/** How long `stop` waits for replies that are owed. */
const graceMs = 2000

export interface ServerOptions {
  readonly store: Store
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** Takes any free port if `port` is taken. */
  readonly anyPortIfTaken: boolean
  readonly longestArgumentBytes: number
}

/** Listens for Redis clients. */
export class RespServer {
  readonly statistics: Statistics
  readonly #options: ServerOptions
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  readonly #window = new Window(mostUnderWay)

  /** @throws OvidError `cannot-start` if it cannot listen there */
  static async start(options: ServerOptions): Promise<RespServer> {
    // The client may end its side first and still wants its replies: printf … | nc.
    const server = createServer({ allowHalfOpen: true, highWaterMark: socketBufferBytes, noDelay: true })
    return new RespServer(options, server, await listen(server, options))
  }

  private constructor(options: ServerOptions, server: Server, port: number) {
    this.#options = options
    this.#server = server
    this.statistics = {
      startedAtMs: Date.now(),
      port,
      connections: 0,
      connectionsTotal: 0,
      commandsTotal: 0,
      protocolErrorsTotal: 0,
      underWay: 0,
    }
    server.on('connection', (socket) => this.#connect(socket))
    // A connection that could not be accepted, for want of descriptors perhaps, is its client's loss alone.
    server.on('error', () => {})
  }

  /** Takes no further request, gives the replies that are owed, and closes. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const connection of this.#connections) connection.finish()
    const grace = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy()
    }, graceMs)
    await closed
    clearTimeout(grace)
  }

  #connect(socket: Socket): void {
    const { statistics } = this
    if (statistics.connections >= mostConnections) {
      socket.on('error', () => {})
      socket.end('-ERR max number of clients reached\r\n', () => socket.destroy())
      return
    }
    statistics.connections++
    statistics.connectionsTotal++
    const { store, longestArgumentBytes } = this.#options
    const session = { id: statistics.connectionsTotal, name: '', ended: false, server: statistics }
    const connection = new Connection({ socket, store, session, window: this.#window, longestArgumentBytes })
    this.#connections.add(connection)
    void connection.closed.then(() => {
      statistics.connections--
      this.#connections.delete(connection)
    })
  }
}

async function listen(server: Server, { host, port, anyPortIfTaken }: ServerOptions): Promise<number> {
  try {
    return await listenOn(server, host, port)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (anyPortIfTaken && code === 'EADDRINUSE') return await listenOn(server, host, 0)
    throw new OvidError('cannot-start', `cannot listen on port ${port} of ${host}: ${message}`)
  }
}

function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
