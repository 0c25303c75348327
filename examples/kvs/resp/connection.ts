import type { Socket } from 'node:net'
import { Asking, failureOf, type Session, type Store } from './commands/command.js'
import { respond } from './commands/table.js'
import { ProtocolError, RequestParser } from './parser.js'
import { Failure, type Reply, ReplyWriter, sizeOf } from './reply.js'
import type { Window } from './window.js'

/** Requests of one connection that may be under way at a time, if their replies are small. */
const longestPipeline = 1024

/** What the replies of one connection that are under way may come to: large ones make the pipeline shorter. */
const pipelineBytes = 64 * 1024 * 1024

/** How long a connection that is done waits for its client to close it too. */
const lingerMs = 1000

export interface ConnectionParts {
  readonly socket: Socket
  readonly store: Store
  readonly session: Session
  /** Shared by all connections of the gateway. */
  readonly window: Window
  readonly longestArgumentBytes: number
}

/** A reply's place in the order of requests; undefined until it is known. */
interface Slot {
  reply: Reply | undefined
}

/**
 * One client: puts its requests to the store in the order they came, without waiting for answers, and gives its
 * replies in that same order.
 *
 *     socket → parser → respond → questions (window) → store
 *     socket ← writer ← slots, the first that has its reply ←┘
 *
 * Nothing in it grows without bound. A client that does not read its replies fills its socket's buffer; then no
 * further request of its is taken, and it is not read from.
 */
export class Connection {
  /** Resolves when the socket is closed, whoever closed it. */
  readonly closed: Promise<void>
  readonly #parts: ConnectionParts
  readonly #parser: RequestParser
  readonly #writer: ReplyWriter
  readonly #slots: Slot[] = []
  /** True while `#serve` runs or waits. */
  #serving = false
  /** Nothing more is taken from the client: it said QUIT, broke the protocol, or the gateway stops. */
  #deaf = false
  /** The client has said all it will. */
  #inputEnded = false
  #isClosed = false
  #flushDue = false
  #recentReplyBytes = 0
  #roomMade: (() => void) | undefined

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.#parser = new RequestParser(parts.longestArgumentBytes)
    const { socket } = parts
    this.#writer = new ReplyWriter((data) => socket.write(data))
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true
        this.#roomMade?.()
        resolve()
      })
    })
    socket.on('data', (piece: Buffer) => this.#receive(piece))
    socket.on('drain', () => this.#flush())
    socket.on('end', () => {
      this.#inputEnded = true
      this.#endIfDone()
    })
    // A broken connection ends in 'close'; there is nobody to tell.
    socket.on('error', () => {})
  }

  /** Takes no further request; ends when all replies that are owed have been written. */
  finish(): void {
    this.#deaf = true
    this.#roomMade?.()
    this.#endIfDone()
  }

  /** Ends at once. */
  destroy(): void {
    this.#parts.socket.destroy()
  }

  #receive(piece: Buffer): void {
    if (this.#deaf) return
    this.#parser.push(piece)
    // Read on when what is there has been taken.
    if (this.#serving) this.#parts.socket.pause()
    else void this.#serve()
  }

  /** Takes requests while there are any, each when there is room for it. */
  async #serve(): Promise<void> {
    this.#serving = true
    try {
      for (let request = this.#next(); request !== undefined; request = this.#next()) {
        while (this.#isFull()) await this.#room()
        if (this.#deaf || this.#isClosed) break
        await this.#take(request)
      }
    } catch (error) {
      this.#refuse(error)
    }
    this.#serving = false
    this.#parts.socket.resume()
    this.#endIfDone()
  }

  #next(): Buffer[] | undefined {
    return this.#deaf || this.#isClosed ? undefined : this.#parser.next()
  }

  /** What is not the protocol cannot be followed: the client is told so and left. */
  #refuse(error: unknown): void {
    const isProtocol = error instanceof ProtocolError
    if (isProtocol) this.#parts.session.server.protocolErrorsTotal++
    this.#slots.push({ reply: isProtocol ? new Failure(`ERR Protocol error: ${error.message}`) : failureOf(error) })
    this.#deaf = true
    this.#flushSoon()
  }

  async #take(request: Buffer[]): Promise<void> {
    const { session } = this.#parts
    session.server.commandsTotal++
    const outcome = respond(request, session)
    if (session.ended) this.#deaf = true
    const slot: Slot = { reply: undefined }
    this.#slots.push(slot)
    if (outcome instanceof Asking) return this.#ask(outcome, slot)
    this.#fill(slot, outcome)
  }

  /** Puts the questions in order. Returns when all are put, not when they are answered. */
  async #ask({ questions, reply }: Asking, slot: Slot): Promise<void> {
    const { window, store, session } = this.#parts
    const answers: unknown[] = []
    let missing = questions.length
    let failure: Failure | undefined
    const settle = () => {
      window.leave()
      session.server.underWay--
      missing--
      if (missing === 0) this.#fill(slot, failure ?? reply(answers))
    }
    for (const [index, question] of questions.entries()) {
      const turn = window.enter()
      if (turn !== undefined) await turn
      if (this.#isClosed) return window.leave()
      session.server.underWay++
      put(question, store).then(
        (answer) => {
          answers[index] = answer
          settle()
        },
        (error: unknown) => {
          failure ??= failureOf(error)
          settle()
        },
      )
    }
  }

  #fill(slot: Slot, reply: Reply): void {
    slot.reply = reply
    this.#recentReplyBytes = Math.max(sizeOf(reply), this.#recentReplyBytes * 0.875)
    this.#flushSoon()
  }

  #isFull(): boolean {
    if (this.#deaf || this.#isClosed) return false
    if (this.#parts.socket.writableNeedDrain) return true
    const { length } = this.#slots
    return length >= longestPipeline || (length > 0 && length * this.#recentReplyBytes > pipelineBytes)
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#roomMade = () => {
        this.#roomMade = undefined
        resolve()
      }
    })
  }

  /** Replies that become known in one turn of the event loop go out in one write. */
  #flushSoon(): void {
    if (this.#flushDue) return
    this.#flushDue = true
    process.nextTick(() => {
      this.#flushDue = false
      this.#flush()
    })
  }

  /** Writes the replies that are next and known, as far as the socket takes them. */
  #flush(): void {
    const { socket } = this.#parts
    if (this.#isClosed || !socket.writable) return
    socket.cork()
    while (!socket.writableNeedDrain) {
      const reply = this.#slots[0]?.reply
      if (reply === undefined) break
      this.#slots.shift()
      this.#writer.add(reply)
    }
    this.#writer.flush()
    socket.uncork()
    this.#roomMade?.()
    this.#endIfDone()
  }

  #endIfDone(): void {
    const { socket } = this.#parts
    const saidAll = this.#deaf || (this.#inputEnded && !this.#serving)
    if (!saidAll || this.#serving || this.#slots.length > 0 || !socket.writable) return
    socket.end()
    // What still arrives is read and forgotten: closing with input unread could take the last reply with it.
    socket.resume()
    const linger = setTimeout(() => socket.destroy(), lingerMs)
    socket.once('close', () => clearTimeout(linger))
  }
}

/** A question that throws instead of rejecting must not leave its place taken. */
function put(question: (store: Store) => Promise<unknown>, store: Store): Promise<unknown> {
  try {
    return question(store)
  } catch (error) {
    return Promise.reject(error)
  }
}
