import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Message } from '../../message/envelope.js'
import { ringMemory } from '../ring/layout.js'
import { RingProducer } from '../ring/ring.js'
import { createLink, Mesh, type MeshLink } from './mesh.js'

const sizes = { dataBytes: 1024, controlBytes: 1024 }
const open: Mesh[] = []

function message(sequence: number, other: Partial<Message> = {}): Message {
  return {
    kind: 'tell',
    lane: 'data',
    from: 'A',
    incarnation: 1,
    to: 'B',
    name: 'B',
    sequence,
    correlation: 0,
    path: [],
    origin: 'main/0',
    as: '',
    type: 'note',
    body: null,
    ...other,
  }
}

interface End {
  readonly mesh: Mesh
  readonly received: Message[]
  readonly broken: unknown[]
  readonly woken: () => Promise<void>
  readonly receive: (budget?: number) => number
}

/** A mesh as its thread would have it, but all in this thread. */
function end(...links: MeshLink[]): End {
  const [received, broken]: [Message[], unknown[]] = [[], []]
  let wake = () => {}
  let next = new Promise<void>((resolve) => (wake = resolve))
  const mesh = new Mesh({ onWake: () => wake(), onBroken: (_, error) => broken.push(error) })
  for (const link of links) mesh.attach(link)
  open.push(mesh)
  const woken = async () => {
    await next
    next = new Promise((resolve) => (wake = resolve))
  }
  const receive = (budget = 1000) => mesh.receive((each) => received.push(each), budget)
  return { mesh, received, broken, woken, receive }
}

function pair(): [End, End] {
  const [toB, toA] = createLink(0, 1, sizes)
  return [end(toB), end(toA)]
}

const sequences = ({ received }: End) => received.map(({ sequence }) => sequence)

afterEach(() => {
  for (const mesh of open.splice(0)) mesh.close()
})

describe('a mesh', () => {
  test('carries messages both ways, as they were', () => {
    const [a, b] = pair()
    const sent = message(1, { body: new Map([['k', 1n]]), path: ['A'], correlation: 5 })
    a.mesh.send(1, sent)
    b.mesh.send(0, message(2))
    expect([a.receive(), b.receive()]).toEqual([1, 1])
    expect(b.received).toStrictEqual([sent])
    expect(sequences(a)).toEqual([2])
  })

  test('keeps what does not fit, in order, and sends it as room is made', () => {
    const [a, b] = pair()
    for (let i = 1; i <= 100; i++) a.mesh.send(1, message(i, { body: 'x'.repeat(i * 30) }))
    expect(a.mesh.pending()).toBeGreaterThan(90)
    expect(a.mesh.pending(1)).toBe(a.mesh.pending())
    while (b.received.length < 100) {
      b.receive()
      a.receive()
    }
    expect(a.mesh.pending()).toBe(0)
    expect(sequences(b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    expect(b.received.map(({ body }) => (body as string).length)).toEqual(b.received.map((_, i) => (i + 1) * 30))
  })

  test('lets control overtake data, also while data waits', () => {
    const [a, b] = pair()
    for (let i = 1; i <= 50; i++) a.mesh.send(1, message(i, { body: 'x'.repeat(100) }))
    a.mesh.send(1, message(1000, { lane: 'control' }))
    b.receive(1)
    expect(sequences(b)).toEqual([1000])
  })

  test('gives every peer its turn, however small the budget', () => {
    const links = [1, 2, 3].map((peer) => createLink(0, peer, sizes))
    const hub = end(...links.map(([forHub]) => forHub))
    for (const [, forPeer] of links) {
      const peer = end(forPeer)
      for (let i = 0; i < 5; i++) peer.mesh.send(0, message(forPeer.peer, { from: `${links.length}` }))
    }
    const from: number[] = []
    for (let i = 0; i < 3; i++) hub.mesh.receive((_, peer) => from.push(peer), 1)
    expect(from.sort()).toEqual([1, 2, 3])
  })

  test('wakes a thread that sleeps, once, and none that is awake', async () => {
    const [a, b] = pair()
    expect(b.mesh.idle()).toBe(true)
    const [toB] = createLink(2, 3, sizes)
    const rung = vi.spyOn(Object.getPrototypeOf(toB.doorbell), 'postMessage')
    a.mesh.send(1, message(1))
    a.mesh.send(1, message(2))
    expect(rung).toHaveBeenCalledTimes(1)
    rung.mockRestore()
    await b.woken()
    expect(b.mesh.idle()).toBe(false)
    expect(b.receive()).toBe(2)
    expect(b.mesh.idle()).toBe(true)
    a.mesh.send(1, message(3, { lane: 'control' }))
    await b.woken()
    expect(b.receive()).toBe(1)
  })

  test('wakes a sender that waits for room, until all has passed', async () => {
    const [a, b] = pair()
    for (let i = 1; i <= 30; i++) a.mesh.send(1, message(i, { body: 'x'.repeat(200) }))
    while (a.mesh.pending() > 0) {
      expect(a.mesh.idle()).toBe(true)
      b.receive(3)
      await a.woken()
      a.receive()
    }
    while (b.receive() > 0);
    expect(sequences(b)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
  })

  test('wakes its thread when a peer that has sent already is attached', async () => {
    const [forA, forB] = createLink(0, 1, sizes)
    const [a, b] = [end(forA), end()]
    a.mesh.send(1, message(1))
    expect(b.mesh.idle()).toBe(true)
    b.mesh.attach(forB)
    await b.woken()
    expect(b.receive()).toBe(1)
  })

  test('refuses before anything is queued', () => {
    const [a, b] = pair()
    expect(() => a.mesh.send(7, message(1))).toThrow(expect.objectContaining({ code: 'no-such-place' }))
    expect(() => a.mesh.send(1, message(1, { body: () => 1 }))).toThrow(
      expect.objectContaining({ code: 'not-plain-data' }),
    )
    const large = message(1, { body: new Uint8Array(64 * 1024 * 1024) })
    expect(() => a.mesh.send(1, large)).toThrow(expect.objectContaining({ code: 'message-too-large' }))
    expect(a.mesh.pending()).toBe(0)
    a.mesh.send(1, message(2))
    b.receive()
    expect(sequences(b)).toEqual([2])
  })

  test('reports what is no message and receives what follows', () => {
    const [toB, toA] = createLink(0, 1, sizes)
    new RingProducer(ringMemory(toB.dataOut)).offer(1, Uint8Array.of(1, 2, 3))
    const [a, b] = [end(toB), end(toA)]
    a.mesh.send(1, message(1))
    expect(b.receive()).toBe(1)
    expect(b.broken).toEqual([expect.objectContaining({ code: 'malformed' })])
    expect(sequences(b)).toEqual([1])
  })

  test('lets an error of the sink out, with that one message consumed', () => {
    const [a, b] = pair()
    a.mesh.send(1, message(1))
    a.mesh.send(1, message(2))
    const fail = () => {
      throw new Error('sink')
    }
    expect(() => b.mesh.receive(fail, 10)).toThrow('sink')
    expect(b.receive()).toBe(1)
    expect(sequences(b)).toEqual([2])
  })

  test('drops what waited for a peer that is detached, also from within the sink', () => {
    const [a, b] = pair()
    for (let i = 1; i <= 50; i++) a.mesh.send(1, message(i, { body: 'x'.repeat(100) }))
    const waiting = a.mesh.pending()
    expect(a.mesh.detach(1)).toBe(waiting)
    expect(a.mesh.detach(1)).toBe(0)
    expect(() => a.mesh.send(1, message(1))).toThrow(expect.objectContaining({ code: 'no-such-place' }))
    let count = 0
    b.mesh.receive((_, peer) => {
      count++
      b.mesh.detach(peer)
    }, 100)
    expect(count).toBe(1)
    expect(b.receive()).toBe(0)
  })
})
