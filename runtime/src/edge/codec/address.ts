import type { Lane, Message, MessageKind } from '../../message/envelope.js'
import { OvidError } from '../../message/errors.js'

/** The fields of a message that all messages from one handler of one agent to another have in common. */
export type Address = Omit<Message, 'sequence' | 'correlation' | 'body'>

const kinds: readonly MessageKind[] = ['request', 'tell', 'reply', 'error', 'flush', 'credit']
const lanes: readonly Lane[] = ['control', 'data']

/**
 * An address in bytes. Strings are UTF-8 after their length.
 *
 * ```
 *   0       1       2               10
 *   +-------+-------+---------------+------+----+------+----+--------+------+----------+------+- -+------+
 *   | kind  | lane  | incarnation   | from | to | name | as | origin | type | path:    | path | … | path |
 *   | uint8 | uint8 | float64       | string each: uint32 length,     |      | uint32   |  [0] |   | [n-1]|
 *   |       |       |               | then bytes                      |      | length n |      |   |      |
 *   +-------+-------+---------------+------+----+------+----+--------+------+----------+------+- -+------+
 * ```
 */
export function encodeAddress(address: Address): Uint8Array {
  const { from, to, name, as, origin, type, path } = address
  const strings = [from, to, name, as, origin, type].map(utf8)
  const members = path.map(utf8)
  const size = 14 + [...strings, ...members].reduce((sum, each) => sum + 4 + each.length, 0)
  const bytes = Buffer.alloc(size)
  bytes[0] = kinds.indexOf(address.kind)
  bytes[1] = lanes.indexOf(address.lane)
  bytes.writeDoubleLE(address.incarnation, 2)
  let at = 10
  const write = (string: Uint8Array) => {
    at = bytes.writeUInt32LE(string.length, at)
    bytes.set(string, at)
    at += string.length
  }
  strings.forEach(write)
  at = bytes.writeUInt32LE(members.length, at)
  members.forEach(write)
  return bytes
}

/** @throws OvidError 'malformed' */
export function decodeAddress(source: Uint8Array): Address {
  // A copy: the source may be shared memory.
  const bytes = Buffer.from(source)
  let at = 10
  const length = () => {
    if (at + 4 > bytes.length) throw malformed('cut off')
    at += 4
    return bytes.readUInt32LE(at - 4)
  }
  const string = () => {
    const size = length()
    if (size > bytes.length - at) throw malformed('cut off')
    at += size
    return bytes.toString('utf8', at - size, at)
  }
  const kind = kinds[bytes[0] as number]
  const lane = lanes[bytes[1] as number]
  if (bytes.length < 10 || kind === undefined || lane === undefined) throw malformed('unknown kind or lane')
  const incarnation = bytes.readDoubleLE(2)
  if (!Number.isSafeInteger(incarnation)) throw malformed(`incarnation=${incarnation}`)
  const [from, to, name, as, origin, type] = [string(), string(), string(), string(), string(), string()]
  const members = length()
  const path: string[] = []
  for (let i = 0; i < members; i++) path.push(string())
  if (at !== bytes.length) throw malformed('bytes follow it')
  return { kind, lane, from, incarnation, to, name, path: Object.freeze(path), origin, as, type }
}

function malformed(reason: string): OvidError {
  return new OvidError('malformed', `not the address of a message: ${reason}`)
}

function utf8(text: string): Uint8Array {
  // A lone surrogate would arrive as another character, and name another agent.
  if (!text.isWellFormed()) throw new OvidError('not-plain-data', `${JSON.stringify(text)} is not a well-formed string`)
  return Buffer.from(text, 'utf8')
}
