import { expect } from 'vitest'
import { gatewayDefinition } from '../agent/definition.js'
import type { ChangeRequest, ChangeResult, ControllerState } from '../controller/state.js'
import type { CodeRef } from '../latt/code.js'
import type { Place } from '../message/envelope.js'
import { frailShard, logOf } from './frail.fixture.js'
import { Lab, type LabClient } from './lab.fixture.js'
import { CONTROLLER } from './protocol.js'

/** Threads: the layouts use the first ones. */
const THREADS = 6
/** Has no part in any change. */
export const BYSTANDER: Place = 'main/5'
/** Has clients and a gateway, and nothing else. */
export const CLIENTS: Place = 'main/6'
/** Where the writers are: the last is the gateway, which only tells. */
const WRITERS: readonly Place[] = ['main/0', CLIENTS, CLIENTS]
const GATEWAY = 'DOOR'
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']
const MOST_OPEN = 6
/** Simulated time passes while the load goes on, so that what waits for a time-out comes to it. */
const STEP_MS = 4
export const PLAN_TIMEOUT_MS = 5000
/** Several times what a plan needs that is given up at its last moment. */
const MOST_STEPS = 20_000

export type ChangeOutcome =
  | { readonly ok: true; readonly result: ChangeResult }
  | { readonly ok: false; readonly code: string; readonly message: string }

interface Leaf {
  readonly id: string
  readonly role: string
  readonly place: Place
  readonly version: number
  readonly status: string
}

const door = gatewayDefinition({ kind: 'door', start: () => ({}) })

/** A log agent on a simulated box, with clients that append numbered entries all the time. */
export class Scenario {
  readonly lab: Lab
  readonly codes: readonly CodeRef[]
  readonly #client: LabClient
  readonly #writers: readonly LabClient[]
  readonly #sent = WRITERS.map(() => new Map<string, number>())
  /** Errors that callers got, by code. */
  readonly errors = new Map<string, number>()
  /** Calls without an answer, by writer. */
  readonly #open = WRITERS.map(() => 0)

  constructor(seed: number) {
    this.lab = new Lab({ threads: THREADS, seed, planTimeoutMs: PLAN_TIMEOUT_MS })
    this.codes = [1, 2, 3].map((version) => this.lab.register(`log ${version}`, logOf(version)))
    const plugin = { name: 'shard', version: '1.0.0', code: this.lab.registerTransformation(frailShard) }
    this.#client = this.lab.client()
    this.lab.boot(this.#client, {
      name: 'faults',
      agents: [
        { name: 'LOG', form: 'agent', code: this.codes[0] as CodeRef, kind: 'log', version: 1 },
        {
          name: GATEWAY,
          form: 'gateway',
          code: this.lab.register('door', door),
          kind: 'door',
          version: 1,
          place: CLIENTS,
        },
      ],
      plugins: [plugin],
      transformations: [],
    })
    this.#writers = WRITERS.slice(0, -1).map((place) => this.lab.client(place))
  }

  /** Stage of the plan under way. */
  get stage(): string | undefined {
    return this.#controller.active?.stage
  }

  get #controller(): ControllerState {
    return this.lab.host('main/0').cells.get(CONTROLLER)?.state as ControllerState
  }

  get #underWay(): string {
    const { active } = this.#controller
    return active === undefined
      ? 'no plan is under way'
      : `${active.stage} waits for ${[...active.waiting].join(', ') || 'nobody'}`
  }

  /** Physical agents but for ingress proxies, which come and go with clients. */
  get layout(): Leaf[] {
    const leaves = this.lab.call(this.#client, CONTROLLER, 'agents') as Leaf[]
    return leaves.filter(({ role }) => role !== 'ingress')
  }

  /** What a change would start and stop, by place. */
  preview(change: ChangeRequest): { starts: Set<Place>; stops: Set<Place> } {
    const { starts, stops, moves, upgrades } = this.lab.change(this.#client, {
      ...change,
      dryRun: true,
    }) as ChangeResult
    const homes = new Map(this.layout.map(({ id, place }) => [id, place]))
    const upgraded = upgrades.map(({ id }) => homes.get(id) as Place)
    return {
      starts: new Set([...starts.map(({ place }) => place), ...moves.map(({ to }) => to), ...upgraded]),
      stops: new Set([...stops.map(({ place }) => place), ...moves.map(({ from }) => from), ...upgraded]),
    }
  }

  /** Makes a change while the load goes on. `meanwhile` is called between any two steps. */
  change(change: ChangeRequest, meanwhile: () => void = () => {}): ChangeOutcome {
    let outcome: ChangeOutcome | undefined
    this.#client.call(CONTROLLER, 'change', change, (settled) => {
      outcome = settled.ok ? { ok: true, result: settled.value as ChangeResult } : settled
    })
    let steps = 0
    this.lab.until(() => {
      if (++steps > MOST_STEPS)
        throw new Error(`${change.verb} ${change.id} has not ended after ${MOST_STEPS} steps: ${this.#underWay}`)
      this.lab.now += STEP_MS
      this.append()
      meanwhile()
      return outcome !== undefined
    }, `${change.verb} ${change.id}`)
    return outcome as ChangeOutcome
  }

  /** Writers that have not ended with their thread. */
  get #living(): number[] {
    return [...WRITERS.keys()].filter((who) => !this.lab.dead.has(WRITERS[who] as Place))
  }

  get #calls(): number {
    return this.#living.reduce((sum, who) => sum + (this.#open[who] as number), 0)
  }

  /** Now and then, a call or a tell with the next number of its writer and key. */
  append(): void {
    const { random } = this.lab
    if (random(3) > 0 || this.#calls >= MOST_OPEN) return
    const who = this.#living[random(this.#living.length)] as number
    const key = KEYS[random(KEYS.length)] as string
    const sent = this.#sent[who] as Map<string, number>
    const number = (sent.get(key) ?? 0) + 1
    sent.set(key, number)
    const body = { key, entry: `${who}:${number}` }
    const writer = this.#writers[who]
    if (writer === undefined) this.#tellFromGateway(body)
    else if (random(3) === 0) writer.tell('LOG', 'append', body)
    else this.#call(who, writer, body)
  }

  #tellFromGateway(body: unknown): void {
    const host = this.lab.host(CLIENTS)
    const cell = host.cells.get(GATEWAY)
    if (cell === undefined) throw new Error('the gateway is not there')
    host.routing.sendFrom(cell, 'tell', 'LOG', 'append', body, 0, [], '', '')
  }

  #call(who: number, writer: LabClient, body: unknown): void {
    const count = (by: number) => {
      this.#open[who] = (this.#open[who] as number) + by
    }
    count(1)
    writer.call('LOG', 'append', body, (settled) => {
      count(-1)
      if (!settled.ok) this.errors.set(settled.code, (this.errors.get(settled.code) ?? 0) + 1)
    })
  }

  /** Lets all that is under way come to its end. */
  rest(): void {
    this.lab.until(() => this.#calls === 0, 'an answer to every call')
    this.lab.settle()
  }

  /** What arrived of a writer's entries about a key, in the order it came. */
  #arrived(who: number, log: readonly string[]): number[] {
    return log.filter((entry) => entry.startsWith(`${who}:`)).map((entry) => Number(entry.slice(2)))
  }

  /** Every entry arrived once and in its order, and nobody was told otherwise. */
  expectNothingLost(): void {
    this.rest()
    expect(Object.fromEntries(this.errors)).toEqual({})
    for (const key of KEYS) {
      const log = this.lab.call(this.#client, 'LOG', 'log', { key }) as string[]
      for (const who of this.#living) {
        const expected = Array.from({ length: this.#sent[who]?.get(key) ?? 0 }, (_, index) => index + 1)
        expect(this.#arrived(who, log), `writer ${who}, key ${key}`).toEqual(expected)
      }
    }
  }

  /** Where a thread with state was lost: what is left is in order and not doubled, and callers are told. */
  expectNothingDoubled(): void {
    this.rest()
    for (const key of KEYS) {
      const outcome = this.lab.outcome(this.#client, 'LOG', 'log', { key })
      if (!outcome.ok) {
        expect(outcome.code).toBe('agent-lost')
        continue
      }
      this.#sent.forEach((_, who) => {
        const numbers = this.#arrived(who, outcome.value as string[])
        expect(numbers, `writer ${who}, key ${key}`).toEqual([...new Set(numbers)].sort((a, b) => a - b))
      })
    }
  }

  /** Nothing of what a change made for itself is left. */
  expectNothingLeft(): void {
    const { lab } = this
    this.rest()
    const alive = [...lab.hosts.values()].filter((host) => !lab.dead.has(host.options.place))
    const agents = (lab.call(this.#client, CONTROLLER, 'agents') as Leaf[]).filter(({ status }) => status !== 'lost')
    const clients = lab.call(this.#client, CONTROLLER, 'clients') as unknown[]
    const cells = alive.flatMap((host) => [...host.cells.keys()])
    // The controller and the box manager are beside them.
    expect(cells.length, cells.join(' ')).toBe(agents.length + clients.length + 2)
    for (const host of alive) {
      const { forwarders, graves, queued } = host.statistics()
      expect({ place: host.options.place, forwarders, graves, queued }).toEqual({
        place: host.options.place,
        forwarders: 0,
        graves: 0,
        queued: 0,
      })
    }
  }
}
