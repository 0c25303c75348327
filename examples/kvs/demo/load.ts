import type { AgentClient } from '@ovid/runtime'
import { Redis } from 'ioredis'
import type { kvs } from '../kvs.js'

/** A way to the store: the client API, or the Redis protocol. */
export interface Door {
  append(key: string, value: string): Promise<unknown>
  get(key: string): Promise<string | null>
  close(): Promise<void>
}

export function clientDoor(store: AgentClient<typeof kvs>): Door {
  return {
    append: (key, value) => store.append({ key, value }),
    get: async (key) => {
      const value = await store.get({ key })
      return value === null || typeof value === 'string' ? value : Buffer.from(value).toString()
    },
    close: async () => {},
  }
}

export function respDoor(port: number): Door {
  const redis = new Redis(port, '127.0.0.1')
  return {
    append: (key, value) => redis.append(key, value),
    get: (key) => redis.get(key),
    close: async () => void (await redis.quit()),
  }
}

/** Operations a writer has under way at a time. */
const AT_ONCE = 8
/** Keys a writer writes to in turn. */
const KEYS = 16

/** What became of numbered operations. */
export interface Count {
  readonly operations: number
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
}

/**
 * Appends numbers to keys of its own, in order, several at a time; `check` reads the keys back and counts
 * what is missing, twice there, or out of order.
 */
export class Writer {
  readonly #name: string
  readonly #door: Door
  readonly #sent = new Array<number>(KEYS).fill(0)
  #next = 0
  #stopping = false
  readonly #done: Promise<unknown>

  constructor(name: string, door: Door) {
    this.#name = name
    this.#door = door
    this.#done = Promise.all(Array.from({ length: AT_ONCE }, () => this.#write()))
  }

  get operations(): number {
    return this.#sent.reduce((sum, count) => sum + count, 0)
  }

  async #write(): Promise<void> {
    while (!this.#stopping) {
      const key = this.#next++ % KEYS
      const number = (this.#sent[key] ?? 0) + 1
      this.#sent[key] = number
      await this.#door.append(this.#key(key), `${number};`)
    }
  }

  #key(key: number): string {
    return `demo:${this.#name}:${key}`
  }

  /** Ends when every operation is answered; throws what one of them was refused with. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#done
  }

  async check(): Promise<Count> {
    const count = { operations: this.operations, lost: 0, doubled: 0, reordered: 0 }
    for (const [key, sent] of this.#sent.entries()) {
      const found = ((await this.#door.get(this.#key(key))) ?? '').split(';').slice(0, -1).map(Number)
      const distinct = new Set(found)
      count.lost += sent - distinct.size
      count.doubled += found.length - distinct.size
      count.reordered += found.filter((number, index) => index > 0 && number < (found[index - 1] as number)).length
    }
    return count
  }
}

/** Reads words at random and compares them with what was stored. */
export class Reader {
  readonly #door: Door
  readonly #words: readonly string[]
  #stopping = false
  wrong = 0
  operations = 0
  readonly #done: Promise<unknown>

  constructor(door: Door, words: readonly string[]) {
    this.#door = door
    this.#words = words
    this.#done = Promise.all(Array.from({ length: AT_ONCE }, () => this.#read()))
  }

  async #read(): Promise<void> {
    while (!this.#stopping) {
      const index = Math.floor(Math.random() * this.#words.length)
      this.operations++
      if ((await this.#door.get(this.#words[index] as string)) !== String(index)) this.wrong++
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#done
  }
}

const BATCH = 2000

/** Stores every word with its number as value, through the Redis protocol. */
export async function storeWords(port: number, words: readonly string[]): Promise<void> {
  const redis = new Redis(port, '127.0.0.1')
  for (let from = 0; from < words.length; from += BATCH) {
    const batch = words.slice(from, from + BATCH).flatMap((word, index) => [word, String(from + index)])
    await redis.mset(...batch)
  }
  await redis.quit()
}

/** Counts the words that are not there with their number as value. */
export async function missingWords(port: number, words: readonly string[]): Promise<number> {
  const redis = new Redis(port, '127.0.0.1')
  let missing = 0
  for (let from = 0; from < words.length; from += BATCH) {
    const values = await redis.mget(...words.slice(from, from + BATCH))
    missing += values.filter((value, index) => value !== String(from + index)).length
  }
  await redis.quit()
  return missing
}
