import { type Address, decodeAddress, encodeAddress } from './address.js'

/** Addresses each direction remembers. A newcomer takes the place of the one with the same slot. */
const SLOTS = 1024
/** Longer addresses are not remembered, so that the memory of a thread's caches stays under about a megabyte each. */
const LONGEST = 512

interface Encoded {
  readonly address: Address
  /** `prefixBytes` for the caller's use, then the address. */
  readonly bytes: Uint8Array
}

interface Decoded {
  readonly address: Address
  readonly bytes: Uint8Array
}

/** Remembers what addresses look like in bytes. */
export class AddressEncoder {
  readonly #slots: (Encoded | undefined)[] = new Array(SLOTS).fill(undefined)
  readonly #prefixBytes: number
  readonly #writePrefix: (bytes: Uint8Array, addressBytes: number, hash: number) => void

  /** `writePrefix` fills, once per address, the `prefixBytes` that stand before each address. */
  constructor(prefixBytes: number, writePrefix: (bytes: Uint8Array, addressBytes: number, hash: number) => void) {
    this.#prefixBytes = prefixBytes
    this.#writePrefix = writePrefix
  }

  /** Prefix and address of `address`. The same memory is returned again for the same address. */
  encode(address: Address): Uint8Array {
    const slot = slotOf(address)
    const known = this.#slots[slot]
    if (known !== undefined && isSame(known.address, address)) return known.bytes
    const encoded = encodeAddress(address)
    const bytes = new Uint8Array(this.#prefixBytes + encoded.length)
    bytes.set(encoded, this.#prefixBytes)
    this.#writePrefix(bytes, encoded.length, hashOf(encoded))
    if (encoded.length <= LONGEST) this.#slots[slot] = { address: withoutBody(address), bytes }
    return bytes
  }
}

/** Remembers which addresses bytes stand for. */
export class AddressDecoder {
  readonly #slots: (Decoded | undefined)[] = new Array(SLOTS).fill(undefined)

  /**
   * The address that lies in `bytes` from `start` to `end`. `hash` says where to look for it; the bytes decide.
   *
   * @throws OvidError 'malformed'
   */
  decode(bytes: Uint8Array, start: number, end: number, hash: number): Address {
    const slot = hash % SLOTS
    const known = this.#slots[slot]
    if (known !== undefined && isEqual(known.bytes, bytes, start, end)) return known.address
    const own = bytes.subarray(start, end)
    const address = decodeAddress(own)
    if (own.length <= LONGEST) this.#slots[slot] = { address, bytes: new Uint8Array(own) }
    return address
  }
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** Cheap, and different where the addresses of a busy thread differ: handler, sender's incarnation, last letter of the receiver. */
function slotOf({ kind, incarnation, to, type, path }: Address): number {
  const mixed = incarnation + 31 * to.length + 131 * to.charCodeAt(to.length - 1) + 17 * type.length + 257 * path.length
  return (mixed + 67 * kind.length) & (SLOTS - 1)
}

function isSame(a: Address, b: Address): boolean {
  return (
    a.incarnation === b.incarnation &&
    a.kind === b.kind &&
    a.lane === b.lane &&
    a.type === b.type &&
    a.to === b.to &&
    a.from === b.from &&
    a.name === b.name &&
    a.origin === b.origin &&
    a.as === b.as &&
    isSamePath(a.path, b.path)
  )
}

function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function isEqual(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false
  return true
}

/** Keeps the address without keeping alive the message it came with. */
function withoutBody({ kind, lane, from, incarnation, to, name, path, origin, as, type }: Address): Address {
  return { kind, lane, from, incarnation, to, name, path: [...path], origin, as, type }
}
