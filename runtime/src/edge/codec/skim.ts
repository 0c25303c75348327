import { OvidError } from '../../message/errors.js'
import { extensionTypes, holdsArray } from './extensions.js'
import { deepest } from './plain.js'

/**
 * Walks the structure of msgpack bytes without building anything, and refuses what the decoder must not see.
 *
 * The decoder allocates what an array header announces, so 500 bytes of nested headers cost it hundreds of megabytes. After
 * this walk every element that is announced is there, nothing is nested deeper than what the encoder makes, no byte follows the
 * value, and only extension types of ours occur. So memory is bounded by a multiple of the length.
 *
 * @throws OvidError 'malformed'
 */
export function skim(bytes: Uint8Array): void {
  new Skim(bytes).run()
}

class Skim {
  readonly #bytes: Uint8Array
  #at = 0
  /** Elements still to come in each open container, outermost first. */
  readonly #left: number[] = []
  /** Where each open container must end; -1 if it says so by its elements alone. */
  readonly #end: number[] = []

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  run(): void {
    do {
      this.#element()
      this.#closeContainers()
    } while (this.#left.length > 0)
    if (this.#at !== this.#bytes.length) this.#refuse('bytes follow the value')
  }

  #closeContainers(): void {
    for (let top = this.#left.length - 1; top >= 0 && this.#left[top] === 0; top--) {
      const end = this.#end[top] as number
      if (end >= 0 && end !== this.#at) this.#refuse('an extension is not one array')
      this.#left.pop()
      this.#end.pop()
    }
  }

  /** Steps over one value, or over the header of a container. */
  #element(): void {
    const top = this.#left.length - 1
    if (top >= 0) this.#left[top] = (this.#left[top] as number) - 1
    const head = this.#unsigned(1)
    if (head < 0x80 || head >= 0xe0) return
    if (head < 0x90) this.#open(2 * (head & 15), -1)
    else if (head < 0xa0) this.#open(head & 15, -1)
    else if (head < 0xc0) this.#skip(head & 31)
    else this.#longElement(head)
  }

  #longElement(head: number): void {
    switch (head) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return
      case 0xc7:
      case 0xc8:
      case 0xc9:
        this.#extension(this.#unsigned(1 << (head - 0xc7)))
        return
      case 0xca:
        this.#skip(4)
        return
      case 0xcb:
        this.#skip(8)
        return
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        this.#skip(1 << (head - 0xcc))
        return
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        this.#skip(1 << (head - 0xd0))
        return
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        this.#extension(1 << (head - 0xd4))
        return
      case 0xd9:
      case 0xda:
      case 0xdb:
        this.#skip(this.#unsigned(1 << (head - 0xd9)))
        return
      case 0xdc:
      case 0xdd:
        this.#open(this.#unsigned(head === 0xdc ? 2 : 4), -1)
        return
      case 0xde:
      case 0xdf:
        this.#open(2 * this.#unsigned(head === 0xde ? 2 : 4), -1)
        return
      default:
        // Also msgpack's own binary type, which our encoder never writes: it would be decoded to a view on the input.
        this.#refuse(`type byte ${head} is not used`)
    }
  }

  #extension(length: number): void {
    const type = this.#unsigned(1)
    const end = this.#at + length
    if (end > this.#bytes.length) this.#refuse('an extension is cut off')
    if (!holdsArray(type)) {
      this.#at = end
      return
    }
    const head = this.#unsigned(1)
    let count = head & 15
    if (head === 0xdc) count = this.#unsigned(2)
    else if (head === 0xdd) count = this.#unsigned(4)
    else if (head < 0x90 || head > 0x9f) this.#refuse('an extension is not one array')
    if (type !== extensionTypes.set && count % 2 !== 0) this.#refuse('a key has no value')
    this.#open(count, end)
  }

  #open(count: number, end: number): void {
    if (count > this.#bytes.length - this.#at) this.#refuse('more elements than bytes')
    if (this.#left.length >= deepest) this.#refuse(`nested deeper than ${deepest}`)
    this.#left.push(count)
    this.#end.push(end)
  }

  #skip(length: number): void {
    this.#at += length
    if (this.#at > this.#bytes.length) this.#refuse('cut off')
  }

  #unsigned(length: number): number {
    const at = this.#at
    this.#skip(length)
    let value = 0
    for (let i = at; i < at + length; i++) value = value * 256 + (this.#bytes[i] as number)
    return value
  }

  #refuse(reason: string): never {
    throw new OvidError('malformed', `not a body: ${reason}, at byte ${this.#at} of ${this.#bytes.length}`)
  }
}
