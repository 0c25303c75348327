import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Session } from './commands/command.js'
import { Connection } from './connection.js'
import { readReplies } from './replies.fixture.js'
import { StoreStandIn } from './store.fixture.js'
import { Window } from './window.js'

/** The server's end of a connection whose client reads when the test says so. */
class HandReadSocket extends Duplex {
  readonly received: Buffer[] = []
  reading = true
  #unread: (() => void)[] = []

  constructor() {
    super({ allowHalfOpen: true, highWaterMark: 64 * 1024 })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.received.push(chunk)
    if (this.reading) done()
    else this.#unread.push(done)
  }

  readAll(): void {
    this.reading = true
    for (const done of this.#unread.splice(0)) done()
  }
}

function connect({ window = new Window(1000), longestArgumentBytes = 1024 * 1024 } = {}) {
  const store = new StoreStandIn()
  const socket = new HandReadSocket()
  const server = {
    startedAtMs: 0,
    port: 0,
    connections: 1,
    connectionsTotal: 1,
    commandsTotal: 0,
    protocolErrorsTotal: 0,
    underWay: 0,
  }
  const session: Session = { id: 1, name: '', ended: false, server }
  const parts = { socket: socket as unknown as Socket, store: store.client, session, window, longestArgumentBytes }
  const connection = new Connection(parts)
  return { store, socket, connection, server, replies: () => readReplies(Buffer.concat(socket.received)) }
}

/** Lets everything happen that can happen without further input. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn()
}

const keysAsked = (store: StoreStandIn) => store.asked.map(({ message }) => message.key)

it('requests are put in order without waiting for answers, and replied to in order whichever comes first', async () => {
  const { store, socket, replies } = connect()
  await store.client.put({ key: 'b', value: '2' })
  store.holding = true
  socket.push('SET a 1\r\nGET b\r\nPING\r\nMGET a b\r\nINCR b\r\n')
  await settle()
  expect(keysAsked(store)).toEqual(['b', 'a', 'b', 'a', 'b', 'b'])
  while (store.held > 1) store.answer(store.held - 1)
  await settle()
  expect(replies()).toEqual([])
  store.answer()
  await settle()
  expect(replies()).toEqual(['OK', '2', 'PONG', ['1', '2'], '3'])
})

it('a request that fails is told so, and the others are not affected', async () => {
  const { store, socket, replies } = connect()
  store.failing.set('lost', 'agent-lost').set('busy', 'overloaded').set('text', 'not-an-integer')
  socket.push('GET a\r\nGET lost\r\nGET busy\r\nINCR text\r\nMSET a 1 lost 2 b 3\r\nMGET a b\r\n')
  await settle()
  expect(replies()).toEqual([
    null,
    '-ERR no answer about lost (agent-lost)',
    '-BUSY too many requests are under way, try again',
    '-ERR value is not an integer or out of range',
    '-ERR no answer about lost (agent-lost)',
    ['1', '3'],
  ])
})

it('after a protocol error the replies that are owed are given, and nothing more is taken', async () => {
  const { store, socket, connection, server, replies } = connect()
  store.holding = true
  socket.push('GET a\r\n*x\r\nGET b\r\n')
  await settle()
  socket.push('GET c\r\n')
  await settle()
  expect(keysAsked(store)).toEqual(['a'])
  expect(socket.writableEnded).toBe(false)
  store.answer()
  await settle()
  expect(replies()).toEqual([null, '-ERR Protocol error: invalid multibulk length'])
  expect(socket.writableEnded).toBe(true)
  expect(server.protocolErrorsTotal).toBe(1)
  socket.push(null)
  await connection.closed
})

it('an argument over the limit is refused when it is announced', async () => {
  const { socket, replies } = connect({ longestArgumentBytes: 10 })
  socket.push('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$11\r\n')
  await settle()
  expect(replies()).toEqual(['-ERR Protocol error: invalid bulk length'])
  expect(socket.writableEnded).toBe(true)
})

it('QUIT is replied to last', async () => {
  const { store, socket, replies } = connect()
  store.holding = true
  socket.push('GET a\r\nQUIT\r\nGET b\r\n')
  await settle()
  expect(socket.writableEnded).toBe(false)
  store.answerAll()
  await settle()
  expect(replies()).toEqual([null, 'OK'])
  expect(keysAsked(store)).toEqual(['a'])
  expect(socket.writableEnded).toBe(true)
})

it('a client that has ended its side gets its replies', async () => {
  const { store, socket, connection, replies } = connect()
  store.holding = true
  socket.push('GET a\r\nGET b\r\nGE')
  socket.push(null)
  await settle()
  expect(socket.writableEnded).toBe(false)
  store.answerAll()
  await connection.closed
  expect(replies()).toEqual([null, null])
})

it('told to finish, it gives what it owes and ends', async () => {
  const { store, socket, connection, replies } = connect()
  store.holding = true
  socket.push('GET a\r\n')
  await settle()
  connection.finish()
  socket.push('GET b\r\n')
  await settle()
  expect(socket.writableEnded).toBe(false)
  store.answerAll()
  await settle()
  expect(replies()).toEqual([null])
  expect(keysAsked(store)).toEqual(['a'])
  expect(socket.writableEnded).toBe(true)
})

it('a pipeline has a bound: more is taken when replies have gone, and the socket is not read meanwhile', async () => {
  const { store, socket, replies } = connect({ window: new Window(100_000) })
  store.holding = true
  socket.push('GET a\r\n'.repeat(3000))
  await settle()
  expect(store.held).toBe(1024)
  socket.push('GET b\r\n'.repeat(3))
  await settle()
  socket.push('GET c\r\n')
  expect(socket.isPaused()).toBe(true)
  store.answer()
  await settle()
  expect(store.held).toBe(1024)
  while (replies().length < 3004) {
    store.answerAll()
    await settle()
  }
  expect(keysAsked(store).slice(-5)).toEqual(['a', 'b', 'b', 'b', 'c'])
  expect(socket.isPaused()).toBe(false)
})

it('a client that does not read its replies is not read from, and its requests are not taken', async () => {
  const { store, socket, replies } = connect()
  await store.client.put({ key: 'a', value: 'x'.repeat(50_000) })
  socket.reading = false
  for (let pieces = 0; pieces < 20; pieces++) {
    socket.push('GET a\r\n'.repeat(100))
    await settle()
  }
  expect(socket.isPaused()).toBe(true)
  // The first piece was taken before any reply was there; nothing after it.
  expect(store.asked.length).toBeLessThanOrEqual(101)
  expect(socket.writableLength).toBeLessThan(200_000)
  socket.readAll()
  while (replies().length < 2000) await settle()
  expect(store.asked.length).toBe(2001)
  expect(socket.isPaused()).toBe(false)
})

it('large replies make the pipeline shorter', async () => {
  const { store, socket } = connect()
  await store.client.put({ key: 'a', value: 'x'.repeat(8 * 1024 * 1024) })
  socket.push('GET a\r\n')
  await settle()
  store.holding = true
  socket.push('GET a\r\n'.repeat(100))
  await settle()
  expect(store.held).toBeLessThanOrEqual(9)
  while (store.asked.length < 102 || store.held > 0) {
    store.answerAll()
    await settle()
  }
})

it('a command about more keys than the window has room for is put bit by bit, and in order with what follows', async () => {
  const { store, socket, server, replies } = connect({ window: new Window(10) })
  store.holding = true
  const keys = Array.from({ length: 95 }, (_, index) => `k${index}`)
  socket.push(`MGET ${keys.join(' ')}\r\nGET last\r\n`)
  while (replies().length < 2) {
    await settle()
    expect(store.held).toBeLessThanOrEqual(10)
    expect(server.underWay).toBe(store.held)
    store.answerAll()
  }
  expect(keysAsked(store)).toEqual([...keys, 'last'])
})

it('a client that goes away leaves no place in the window taken', async () => {
  const window = new Window(2)
  const gone = connect({ window })
  gone.store.holding = true
  gone.socket.push('MGET a b c d\r\n')
  await settle()
  gone.connection.destroy()
  await gone.connection.closed
  gone.store.answerAll()
  await settle()
  expect(gone.store.asked).toHaveLength(2)
  expect([window.enter(), window.enter()]).toEqual([undefined, undefined])
})
