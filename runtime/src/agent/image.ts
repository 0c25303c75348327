import type { Message, Place } from '../message/envelope.js'
import { invariant, OvidError } from '../message/errors.js'
import type { Partition } from './definition.js'

/** A timer that is set. `key` is the partition key of the message that caused it, if there was one. */
export interface TimerRecord {
  readonly handler: string
  readonly id: string
  readonly key: string | undefined
  readonly dueMs: number
  readonly data: unknown
}

/** A request whose answer the agent waits for. */
export interface AskRecord {
  readonly correlation: number
  /** Destination as the agent named it. */
  readonly name: string
  readonly then: string
  readonly data: unknown
  readonly key: string | undefined
  /** Where the agent was when it asked: the answer arrives there first. */
  readonly origin: Place
  /** Due time of the answer, ms; 0 = none. */
  readonly dueMs: number
  /** Whether another agent asked, which this one has replaced: `origin` then knows who owns the answer. */
  readonly inherited: boolean
}

/** A reply the agent owes. */
export interface DeferredRecord {
  readonly token: string
  readonly key: string | undefined
  readonly correlation: number
  readonly path: readonly string[]
  readonly origin: Place
}

/**
 * The whole of a virtual agent, apart from its channels: its state and what it waits for. This is what a
 * refinement lifts to and lowers from.
 */
export interface AgentImage {
  readonly state: unknown
  readonly timers: readonly TimerRecord[]
  readonly asks: readonly AskRecord[]
  readonly deferred: readonly DeferredRecord[]
  /** Answers that have arrived and not been handled. */
  readonly replies: readonly Message[]
  /** State of the random generator. */
  readonly random: number
}

/** A generator of 32 bits of state (mulberry32): small enough to be captured with the agent. */
export function nextRandom(random: number): { random: number; value: number } {
  const next = (random + 0x6d2b79f5) | 0
  let mixed = Math.imul(next ^ (next >>> 15), next | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return { random: next, value: ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296 }
}

function ownerOfRecord(record: { key: string | undefined }, what: string, ownerOf: (key: string) => number): number {
  if (record.key === undefined)
    throw new OvidError('keyless-work', `${what} belongs to no key, so it cannot be given to one part`)
  return ownerOf(record.key)
}

/**
 * Divides an image by key. State is divided by the agent's own `split`; timers, asks, owed replies and
 * answers go where the key goes whose message caused them.
 *
 * @throws OvidError `keyless-work` if something the agent waits for belongs to no key.
 */
export function splitImage(
  partition: Partition<unknown>,
  image: AgentImage,
  ownerOf: (key: string) => number,
  parts: number,
): AgentImage[] {
  const states = partition.split(image.state, ownerOf, parts)
  invariant(states.length === parts, 'I6', () => `split gave ${states.length} states instead of ${parts}`)
  const images = states.map((state, index) => ({
    state,
    timers: [] as TimerRecord[],
    asks: [] as AskRecord[],
    deferred: [] as DeferredRecord[],
    replies: [] as Message[],
    random: (image.random + Math.imul(index, 0x9e3779b9)) | 0,
  }))
  const at = (index: number) => {
    const part = images[index]
    invariant(part !== undefined, 'I6', () => `owner ${index} of ${parts} parts`)
    return part
  }
  for (const timer of image.timers) at(ownerOfRecord(timer, `timer ${timer.handler}`, ownerOf)).timers.push(timer)
  for (const owed of image.deferred) at(ownerOfRecord(owed, 'a deferred reply', ownerOf)).deferred.push(owed)
  const ownerOfAsk = new Map<number, number>()
  for (const ask of image.asks) {
    const owner = ownerOfRecord(ask, `the request to ${ask.name}`, ownerOf)
    ownerOfAsk.set(ask.correlation, owner)
    at(owner).asks.push(ask)
  }
  for (const reply of image.replies) {
    const owner = ownerOfAsk.get(reply.correlation)
    if (owner !== undefined) at(owner).replies.push(reply)
  }
  return images
}

/** Puts images with disjoint keys together. */
export function mergeImages(partition: Partition<unknown>, images: readonly AgentImage[]): AgentImage {
  return {
    state: partition.merge(images.map((image) => image.state)),
    timers: images.flatMap((image) => image.timers),
    asks: images.flatMap((image) => image.asks),
    deferred: images.flatMap((image) => image.deferred),
    replies: images.flatMap((image) => image.replies),
    random: images[0]?.random ?? 0,
  }
}
