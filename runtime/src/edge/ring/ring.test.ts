import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRing, longestRecord, ringMemory } from './layout.js'
import { Outbox } from './outbox.js'
import { Reassembly } from './parts.js'
import { RingConsumer, RingProducer } from './ring.js'

const seed = Date.now()
console.log(`ring.test seed=${seed}`)

function ends(capacity: number): { producer: RingProducer; consumer: RingConsumer } {
  const memory = ringMemory(createRing(capacity))
  return { producer: new RingProducer(memory), consumer: new RingConsumer(memory) }
}

const bytesOf = (length: number, value = 1) => new Uint8Array(length).fill(value)

describe('a ring', () => {
  test('says full by its return value and takes more once some is drained', () => {
    const { producer, consumer } = ends(128)
    for (let i = 0; i < 4; i++) expect(producer.offer(1, bytesOf(24, i))).toBe(true)
    expect(producer.offer(1, bytesOf(0))).toBe(false)
    const seen: number[] = []
    expect(consumer.drain((_, bytes, start) => seen.push(bytes[start] as number), 1)).toBe(1)
    expect(producer.offer(1, bytesOf(24, 4))).toBe(true)
    expect(consumer.drain((_, bytes, start) => seen.push(bytes[start] as number), 9)).toBe(4)
    expect(seen).toEqual([0, 1, 2, 3, 4])
  })

  test('frees a record whose handler throws, and keeps those after it', () => {
    const { producer, consumer } = ends(128)
    for (let i = 0; i < 3; i++) producer.offer(1, bytesOf(8, i))
    const fail = () => {
      throw new Error('handler')
    }
    expect(() => consumer.drain(fail, 9)).toThrow('handler')
    const seen: number[] = []
    consumer.drain((_, bytes, start) => seen.push(bytes[start] as number), 9)
    expect(seen).toEqual([1, 2])
  })

  test('refuses misuse with the numbers at fault', () => {
    const { producer } = ends(128)
    expect(() => producer.offer(1, bytesOf(25))).toThrow('length=25 longest=24')
    expect(() => producer.offer(0, bytesOf(1))).toThrow('type=0')
    expect(() => createRing(100)).toThrow('capacity=100')
    expect(longestRecord(128)).toBe(24)
  })

  test('drops everything rather than read on when a record is broken', () => {
    const memory = ringMemory(createRing(128))
    const [producer, consumer] = [new RingProducer(memory), new RingConsumer(memory)]
    producer.offer(1, bytesOf(8))
    memory.ints[0] = 1 << 20
    expect(() => consumer.drain(() => {}, 9)).toThrow('ring-record')
    expect(consumer.drain(() => {}, 9)).toBe(0)
    producer.offer(1, bytesOf(8))
    expect(consumer.drain(() => {}, 9)).toBe(1)
  })
})

describe('messages in parts', () => {
  test('of any length come out as they went in, whenever the consumer drains', () => {
    const action = fc.oneof(
      fc.record({ send: fc.nat({ max: 2000 }) }),
      fc.record({ drain: fc.integer({ min: 1, max: 9 }) }),
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const { producer, consumer } = ends(256)
        const outbox = new Outbox(producer, () => {})
        const [sent, received]: string[][] = [[], []]
        const reassembly = reassemblyInto(received as string[], 10_000)
        for (const each of actions) {
          if ('send' in each) {
            const bytes = Uint8Array.from({ length: each.send + 1 }, (_, i) => i * (sent as string[]).length)
            outbox.send(bytes.subarray(0, 1), bytes.subarray(1))
            sent?.push(Buffer.from(bytes).toString('hex'))
          } else {
            consumer.drain(reassembly.accept, each.drain)
            outbox.retry()
          }
        }
        while (consumer.drain(reassembly.accept, 100) > 0) outbox.retry()
        expect(outbox.waiting).toBe(0)
        expect(received).toEqual(sent)
      }),
      { seed },
    )
  })

  test('that are too long are reported and skipped, and the next one arrives', () => {
    const { producer, consumer } = ends(256)
    const outbox = new Outbox(producer, () => {})
    const received: string[] = []
    const reassembly = reassemblyInto(received, 1000)
    outbox.send(bytesOf(1), bytesOf(5000))
    outbox.send(bytesOf(1), bytesOf(2))
    while (consumer.drain(reassembly.accept, 100) > 0) outbox.retry()
    expect(received).toEqual(['message-too-large', '010101'])
  })

  test('without their beginning are reported', () => {
    const { producer, consumer } = ends(256)
    const received: string[] = []
    producer.offer(3, bytesOf(8))
    producer.offer(7, bytesOf(8))
    consumer.drain(reassemblyInto(received, 1000).accept, 9)
    expect(received).toEqual(['malformed', 'malformed'])
  })
})

function reassemblyInto(received: string[], limitBytes: number): Reassembly {
  return new Reassembly({
    limitBytes,
    onMessage: (bytes, start, end) => received.push(Buffer.from(bytes.subarray(start, end)).toString('hex')),
    onBroken: (error) => received.push(error.code),
  })
}
