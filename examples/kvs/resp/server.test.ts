import { connect, type Socket } from 'node:net'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { replyReader } from './replies.fixture.js'
import { RespServer, type ServerOptions } from './server.js'
import { StoreStandIn } from './store.fixture.js'

let store: StoreStandIn
const ending: (() => unknown)[] = []

beforeEach(() => {
  store = new StoreStandIn()
})

afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

async function start(options: Partial<ServerOptions> = {}): Promise<RespServer> {
  const defaults = { host: '127.0.0.1', port: 0, anyPortIfTaken: false, longestArgumentBytes: 1024 * 1024 }
  const server = await RespServer.start({ store: store.client, ...defaults, ...options })
  ending.push(() => server.stop())
  return server
}

/** A client that says just what it is told. */
class Client {
  readonly socket: Socket
  readonly closed: Promise<void>
  readonly #replies: unknown[] = []
  #awaited: (() => void) | undefined

  constructor({ statistics }: RespServer) {
    this.socket = connect({ host: '127.0.0.1', port: statistics.port })
    const read = replyReader((reply) => {
      this.#replies.push(reply)
      this.#awaited?.()
    })
    this.socket.on('data', read)
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()))
    ending.push(() => this.socket.destroy())
  }

  say(bytes: string): this {
    this.socket.write(Buffer.from(bytes, 'latin1'))
    return this
  }

  async reply(): Promise<unknown> {
    while (this.#replies.length === 0) {
      await new Promise<void>((resolve) => {
        this.#awaited = resolve
      })
    }
    return this.#replies.shift()
  }
}

describe('the server', () => {
  it('replies to several clients, each in its own order', async () => {
    const server = await start()
    const [one, other] = [new Client(server), new Client(server)]
    one.say('SET a 1\r\nCLIENT ID\r\nGET a\r\n')
    expect([await one.reply(), await one.reply(), await one.reply()]).toEqual(['OK', '1', '1'])
    other.say('CLIENT ID\r\nGET a\r\n')
    expect([await other.reply(), await other.reply()]).toEqual(['2', '1'])
    expect(server.statistics).toMatchObject({ connections: 2, connectionsTotal: 2, commandsTotal: 5, underWay: 0 })
  })

  it('ends the connection whose frame is over the limit, and no other', async () => {
    const server = await start()
    const [good, bad] = [new Client(server), new Client(server)]
    bad.say('PING\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1048577\r\n').say('x'.repeat(1048577))
    expect(await bad.reply()).toBe('PONG')
    expect(await bad.reply()).toBe('-ERR Protocol error: invalid bulk length')
    await bad.closed
    expect(await good.say('PING\r\n').reply()).toBe('PONG')
  })

  it('replies to a client that ends its side at once', async () => {
    const client = new Client(await start())
    client.socket.end('SET a 1\r\nGET a\r\n')
    expect([await client.reply(), await client.reply()]).toEqual(['OK', '1'])
    await client.closed
  })

  it('says goodbye to QUIT', async () => {
    const client = new Client(await start()).say('QUIT\r\nPING\r\n')
    expect(await client.reply()).toBe('OK')
    await client.closed
  })

  it('stops when the replies it owes are given, and takes no further client', async () => {
    const server = await start()
    const client = new Client(server).say('PING\r\n')
    await client.reply()
    store.holding = true
    client.say('GET a\r\nGET b\r\n')
    while (store.held < 2) await new Promise(setImmediate)
    const stopped = server.stop()
    store.answerAll()
    expect([await client.reply(), await client.reply()]).toEqual([null, null])
    await Promise.all([client.closed, stopped])
    const late = connect({ host: '127.0.0.1', port: server.statistics.port })
    const code = await new Promise((resolve) => late.once('error', (error) => resolve('code' in error && error.code)))
    expect(code).toBe('ECONNREFUSED')
  })

  it('takes another port if its own is taken, where that is allowed', async () => {
    const { port } = (await start()).statistics
    await expect(start({ port })).rejects.toMatchObject({
      code: 'cannot-start',
      message: expect.stringContaining('EADDRINUSE'),
    })
    const other = await start({ port, anyPortIfTaken: true })
    expect(other.statistics.port).not.toBe(port)
    expect(await new Client(other).say('PING\r\n').reply()).toBe('PONG')
  })
})

describe('ioredis', () => {
  const client = async () => {
    const redis = new Redis({ host: '127.0.0.1', port: (await start()).statistics.port })
    ending.push(() => redis.disconnect())
    return redis
  }

  it('reads and writes, text and bytes', async () => {
    const redis = await client()
    const bytes = Buffer.from([0xff, 0x00, 0x0d, 0x0a])
    expect(await redis.set('a', '1', 'EX', 10, 'NX')).toBe('OK')
    expect(await redis.get('a')).toBe('1')
    expect(await redis.ttl('a')).toBe(10)
    expect(await redis.incrby('a', 41)).toBe(42)
    expect(await redis.set(bytes, bytes)).toBe('OK')
    expect(await redis.getBuffer(bytes)).toEqual(bytes)
    expect(await redis.mget('a', 'b')).toEqual(['42', null])
    expect(await redis.del('a', 'b', bytes)).toBe(2)
    await expect(redis.call('incr')).rejects.toThrow("ERR wrong number of arguments for 'incr' command")
    expect(await redis.quit()).toBe('OK')
  })

  it('pipelines', async () => {
    const redis = await client()
    const pipeline = redis.pipeline()
    for (let count = 1; count <= 5000; count++) pipeline.incr(`n${count % 7}`)
    const replies = await pipeline.exec()
    expect(replies?.map(([error, count]) => error ?? count)).toEqual(
      Array.from({ length: 5000 }, (_, index) => 1 + Math.floor((index + 1) / 7) - ((index + 1) % 7 === 0 ? 1 : 0)),
    )
  })

  it('moves a value of megabytes', async () => {
    const redis = await client()
    const large = 'é'.repeat(500_000)
    expect(await redis.set('a', large)).toBe('OK')
    expect(await redis.get('a')).toBe(large)
    expect(await redis.append('a', 'x')).toBe(1_000_001)
  })
})
