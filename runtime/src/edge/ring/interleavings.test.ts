import { describe, expect, test } from 'vitest'
import { type Exploration, explore, type World } from './interleavings.fixture.js'
import { type Implementation, type Mutation, mutant, production } from './mutants.fixture.js'

/** One way to use a ring: messages of these lengths, from head and tail at `position`. */
interface Scenario {
  readonly title: string
  readonly position: number
  readonly lengths: readonly number[]
  /** Records the consumer takes at a time. */
  readonly limit: number
}

const CAPACITY = 128

// 24 bytes make a record of 32, of which 4 fit; 16 bytes one of 24, of which 5 fit and leave 8.
const scenarios: readonly Scenario[] = [
  { title: 'four messages, across the end of the ring', position: 96, lengths: [24, 16, 24, 16], limit: 2 },
  { title: 'one at a time, the positions passing 2^31', position: 2 ** 31 - 64, lengths: [24, 16, 16, 24], limit: 1 },
  { title: 'five messages into a ring that holds three', position: 16, lengths: [24, 24, 24, 24, 24], limit: 2 },
  { title: 'a message longer than the ring', position: 104, lengths: [120], limit: 2 },
  { title: 'a message in parts', position: 104, lengths: [8, 60, 3], limit: 2 },
  { title: 'all at once, the positions passing 2^32', position: -40, lengths: [16, 24, 8, 24, 16], limit: 9 },
]

const mutations: Record<string, Mutation> = {
  'the tail is published before the record is written': {
    file: 'ring',
    from: '    ints[at >> 2] = length\n',
    to: '    this.#words.store(TAIL, (this.#tail + skipped + size) | 0)\n    ints[at >> 2] = length\n',
  },
  'records are freed before they are read': {
    file: 'ring',
    from: '    const from = this.#head\n',
    to: '    const from = this.#head\n    this.#words.store(HEAD, tail)\n',
  },
  'the room that is skipped at the end is not counted': {
    file: 'ring',
    from: 'this.#hasRoom(skipped + size)',
    to: 'this.#hasRoom(size)',
  },
  'the consumer does not look again after raising its flag': {
    file: 'ring',
    from: 'if (this.#words.load(TAIL) === this.#head) return true',
    to: 'return true',
  },
  'the consumer looks before it raises its flag': {
    file: 'ring',
    from: '    this.#words.store(ARMED, 1)\n',
    to: '    if (this.#words.load(TAIL) !== this.#head) return false\n    this.#words.store(ARMED, 1)\n    return true\n',
  },
  'the producer does not look again after raising its flag': {
    file: 'ring',
    from: 'if (!this.offer(type, first, second)) return false',
    to: 'return false',
  },
  'the producer asks whether to ring before it publishes': {
    file: 'outbox',
    from: 'if (isFirst && length <= this.#ring.longest && this.#ring.offer(WHOLE, head, body)) {\n      if (this.#ring.consumerSleeps()) this.#ringDoorbell()\n',
    to: 'const sleeps = this.#ring.consumerSleeps()\n    if (isFirst && length <= this.#ring.longest && this.#ring.offer(WHOLE, head, body)) {\n      if (sleeps) this.#ringDoorbell()\n',
  },
  'nobody rings when the ring is full again': {
    file: 'outbox',
    from: 'if (!isIn) break',
    to: 'if (!isIn) return moved',
  },
  'what waits is overtaken': {
    file: 'outbox',
    from: 'const isFirst = this.#waiting.length === 0',
    to: 'const isFirst = true',
  },
  'nobody rings for a producer that starves': {
    file: 'inbox',
    from: 'if (this.#ring.producerStarves()) this.#ringDoorbell()',
    to: 'this.#ring.producerStarves()',
  },
}

describe('every interleaving of a producer and a consumer', { timeout: 60_000 }, () => {
  const slept: boolean[] = []

  test.each(scenarios)('delivers all, once, in order, and wakes who sleeps: $title', (scenario) => {
    const found = run(production, scenario)
    console.log(
      `${scenario.title}: ${found.interleavings} interleavings, up to ${found.longest} steps, ${found.states} states`,
    )
    expect(found.failure).toBeUndefined()
    expect(found.slept[1]).toBe(true)
    slept.push(found.slept[0])
  })

  test('let the producer sleep in some of them', () => {
    expect(slept).toContain(true)
  })

  test.each(Object.entries(mutations))('shows the bug when %s', (_, mutation) => {
    const broken = mutant(mutation)
    expect(scenarios.find((scenario) => run(broken, scenario).failure !== undefined)).toBeDefined()
  })
})

function run(implementation: Implementation, { position, lengths, limit }: Scenario): Exploration {
  return explore({
    capacity: CAPACITY,
    position: position | 0,
    programs: [
      (world) => produce(implementation, world, lengths),
      (world) => consume(implementation, world, lengths.length, limit),
    ],
    expected: lengths.map((length, i) => describeBytes(messageBytes(i, length))),
  })
}

/** Sends everything, sleeping whenever something has to wait for room. */
function produce(implementation: Implementation, world: World, lengths: readonly number[]): void {
  const ring = new implementation.RingProducer(world.memory, world.words)
  const outbox = new implementation.Outbox(ring, world.ringDoorbell)
  lengths.forEach((length, i) => {
    world.checkpoint(`${i} sent, ${outbox.waiting} wait`)
    const bytes = messageBytes(i, length)
    outbox.send(bytes.subarray(0, 1), bytes.subarray(1))
  })
  while (outbox.waiting > 0) {
    world.checkpoint(`all sent, ${outbox.waiting} wait`)
    if (!outbox.retry()) world.sleep()
  }
}

/** Receives `count` messages, sleeping whenever there is none. */
function consume(implementation: Implementation, world: World, count: number, limit: number): void {
  let received = 0
  const reassembly = new implementation.Reassembly({
    limitBytes: 1000,
    onMessage: (bytes, start, end) => {
      received++
      world.observe(describeBytes(bytes.subarray(start, end)))
    },
    onBroken: (error) => world.observe(error.message),
  })
  const ring = new implementation.RingConsumer(world.memory, world.words)
  const inbox = new implementation.Inbox(ring, reassembly, world.ringDoorbell)
  while (received < count) {
    world.checkpoint(`${received} received`)
    if (inbox.drain(limit) === 0 && inbox.arm()) world.sleep()
  }
}

function messageBytes(index: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 16 * (index + 1) + (i % 16))
}

function describeBytes(bytes: Uint8Array): string {
  const isRegular = bytes.every((byte, i) => byte === (bytes[0] as number) + (i % 16))
  return `${bytes.length} bytes of ${isRegular ? bytes[0] : 'something else'}`
}
