import { createRequire } from 'node:module'
import type { Redis } from 'ioredis'

const require = createRequire(import.meta.url)

/** Requests sent before the first of their replies is waited for. */
const BATCH = 1000

/** 275 000 English words, each a key with a value of its own. */
export class Words {
  readonly #words = require('an-array-of-english-words') as readonly string[]

  get count(): number {
    return this.#words.length
  }

  keyOf(index: number): string {
    return `word:${this.#words[index]}`
  }

  valueOf(index: number): string {
    return `${index}:${this.#words[index]}`
  }

  /** Puts every word into the store. */
  async load(redis: Redis): Promise<void> {
    for (let from = 0; from < this.count; from += BATCH) {
      const pipeline = redis.pipeline()
      for (let index = from; index < Math.min(from + BATCH, this.count); index++) {
        pipeline.set(this.keyOf(index), this.valueOf(index))
      }
      for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
    }
  }

  /** How many words are in the store with the value they should have. */
  async verified(redis: Redis): Promise<number> {
    let right = 0
    for (let from = 0; from < this.count; from += BATCH) {
      const indexes = Array.from({ length: Math.min(BATCH, this.count - from) }, (_, offset) => from + offset)
      const values = await redis.mget(indexes.map((index) => this.keyOf(index)))
      right += indexes.filter((index, at) => values[at] === this.valueOf(index)).length
    }
    return right
  }
}
