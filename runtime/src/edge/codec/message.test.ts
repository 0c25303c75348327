import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Message } from '../../message/envelope.js'
import { OvidError } from '../../message/errors.js'
import { encodeBody } from './body.js'
import { decodeMessage, encodeMessage, messageLimitBytes } from './message.js'

const seed = Date.now()
console.log(`message.test seed=${seed}`)

const sample: Message = {
  kind: 'request',
  lane: 'data',
  from: 'Web/Shard1',
  incarnation: 4711,
  to: 'KVS/Shard2',
  name: 'KVS',
  sequence: 7,
  correlation: 2 ** 53 - 1,
  path: ['Web/Shard1', 'Web/Proxy'],
  origin: 'main/2',
  as: 'Web',
  type: 'put',
  body: { key: 'k', value: 'v' },
}

const isPlain = (value: unknown) => codeOf(() => encodeBody(value)) === 'nothing'
const name = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('KVS', 'KVS/Shard1', 'x'.repeat(600)),
)
const number = fc.maxSafeNat()
const anyMessage: fc.Arbitrary<Message> = fc.record({
  kind: fc.constantFrom('request', 'tell', 'reply', 'error', 'flush', 'credit'),
  lane: fc.constantFrom('control', 'data'),
  from: name,
  incarnation: number,
  to: name,
  name,
  sequence: number,
  correlation: number,
  path: fc.array(name, { maxLength: 4 }),
  origin: name,
  as: name,
  type: name,
  body: fc.anything({ withMap: true, withSet: true, withBigInt: true, withTypedArray: true }).filter(isPlain),
})

describe('a message', () => {
  test('comes back as it was, and again when its address is remembered', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const plain = { ...message, body: 'body' }
        for (const sent of [plain, { ...plain, sequence: 1, correlation: 0 }, plain]) {
          expect(decodeMessage(encodeMessage(sent))).toStrictEqual(sent)
        }
        expect(codeOf(() => decodeMessage(encodeMessage(message)))).toBe('nothing')
      }),
      { seed, numRuns: 1000 },
    )
  })

  test('is told apart from one that differs in a single field', () => {
    const others: Partial<Message>[] = [
      { kind: 'tell' },
      { lane: 'control' },
      { from: 'Web/Shard2' },
      { incarnation: 4711 + 1024 },
      { to: 'KVS/Shar_2' },
      { name: 'KV' },
      { path: ['Web/Shard1', 'Web/Prox_'] },
      { path: [] },
      { origin: 'main/1' },
      { as: '' },
      { type: 'get' },
    ]
    for (const other of [{}, ...others, {}]) {
      const message = { ...sample, ...other }
      expect(decodeMessage(encodeMessage(message))).toStrictEqual(message)
    }
  })

  test('can lie anywhere in a larger piece of shared memory', () => {
    const encoded = encodeMessage(sample)
    const memory = new Uint8Array(new SharedArrayBuffer(1000)).fill(0xee)
    memory.set(encoded, 333)
    expect(decodeMessage(memory, 333, 333 + encoded.length)).toStrictEqual(sample)
  })

  test('has a limit, which the state an agent is carried with does not have', () => {
    const body = new Uint8Array(messageLimitBytes)
    expect(codeOf(() => encodeMessage({ ...sample, body }))).toBe('message-too-large')
    expect(codeOf(() => encodeMessage({ ...sample, lane: 'control', type: '$state', body }))).toBe('message-too-large')
    const carried = { ...sample, type: '$state', body }
    expect((decodeMessage(encodeMessage(carried)).body as Uint8Array).length).toBe(messageLimitBytes)
  })

  test('with a name that is no well-formed string is refused', () => {
    expect(codeOf(() => encodeMessage({ ...sample, to: '\ud800' }))).toBe('not-plain-data')
  })

  test('that is cut off or changed is malformed or another message, and never anything else', () => {
    const encoded = encodeMessage(sample)
    const bodyStart = encoded.length - encodeBody(sample.body).length
    for (let end = 0; end < encoded.length; end++) {
      // Where the body begins it may as well be one without: how long a message is, its record says.
      if (end === bodyStart) continue
      expect(codeOf(() => decodeMessage(encoded.subarray(0, end)))).toBe('malformed')
    }
    const isAnswered = (bytes: Uint8Array) => ['nothing', 'malformed'].includes(codeOf(() => decodeMessage(bytes)))
    const changed = fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => encoded.with(at % encoded.length, byte))
    fc.assert(fc.property(changed, isAnswered), { seed, numRuns: 3000 })
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), isAnswered), { seed, numRuns: 3000 })
  })
})

function codeOf(action: () => unknown): string {
  try {
    action()
    return 'nothing'
  } catch (error) {
    return error instanceof OvidError ? error.code : String(error)
  }
}
