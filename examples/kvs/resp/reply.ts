/**
 * Replies of the Redis protocol (RESP2), as the values they stand for:
 *
 *     Status            +OK\r\n
 *     Failure           -ERR what is wrong\r\n
 *     number, bigint    :1\r\n
 *     string, bytes     $1\r\na\r\n
 *     null              $-1\r\n
 *     array             *2\r\n…
 *
 * They are encoded when the socket takes them and not before: until then a value is only referred to.
 */
export type Reply = Status | Failure | number | bigint | string | Uint8Array | null | readonly Reply[]

/** A short word, such as OK. */
export class Status {
  constructor(readonly text: string) {}
}

/** An error. Its message starts with a word in capitals that clients tell errors apart by. Commands may throw it. */
export class Failure extends Error {
  override readonly name = 'Failure'

  constructor(message: string) {
    // One line, whatever it was made from: a line end would end the reply.
    super(message.replace(/[\r\n]/g, ' '))
  }
}

export const ok = new Status('OK')

/** About what a reply takes, in bytes. */
export function sizeOf(reply: Reply): number {
  if (typeof reply === 'string') return reply.length
  if (reply instanceof Uint8Array) return reply.byteLength
  if (!Array.isArray(reply)) return 16
  return reply.reduce((bytes: number, element: Reply) => bytes + sizeOf(element), 16)
}

/** Strings longer than this are written on their own instead of being joined with their neighbours. */
const shortText = 16 * 1024

/** Puts replies in as few writes as their size allows. */
export class ReplyWriter {
  readonly #write: (data: string | Uint8Array) => void
  #text = ''

  constructor(write: (data: string | Uint8Array) => void) {
    this.#write = write
  }

  add(reply: Reply): void {
    if (reply === null) this.#text += '$-1\r\n'
    else if (typeof reply === 'string') this.#addText(reply)
    else if (typeof reply === 'number' || typeof reply === 'bigint') this.#text += `:${reply}\r\n`
    else if (reply instanceof Status) this.#text += `+${reply.text}\r\n`
    else if (reply instanceof Failure) this.#text += `-${reply.message}\r\n`
    else if (reply instanceof Uint8Array) this.#addBytes(reply)
    else {
      this.#text += `*${reply.length}\r\n`
      for (const element of reply) this.add(element)
    }
  }

  /** Writes what is left. */
  flush(): void {
    if (this.#text === '') return
    this.#write(this.#text)
    this.#text = ''
  }

  #addText(text: string): void {
    this.#text += `$${Buffer.byteLength(text)}\r\n`
    if (text.length > shortText || this.#text.length > shortText) this.flush()
    if (text.length > shortText) this.#write(text)
    else this.#text += text
    this.#text += '\r\n'
  }

  #addBytes(bytes: Uint8Array): void {
    this.#text += `$${bytes.byteLength}\r\n`
    this.flush()
    this.#write(bytes)
    this.#text = '\r\n'
  }
}
