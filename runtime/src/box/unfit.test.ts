import { shard } from '@ovid/shard'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineAgent } from '../agent/definition.js'
import type { Fault } from '../controller/state.js'
import { Lab, type LabClient } from './lab.fixture.js'
import { CONTROLLER } from './protocol.js'

const keyed = z.object({ key: z.string().toLowerCase() })

/** Does what an agent should not: sends, gives and keeps functions. And one thing it may: its schema changes a key. */
const careless = defineAgent({
  kind: 'careless',
  init: () => ({ ringing: new Set<string>(), thing: null as unknown }),
  messages: { wind: keyed, rung: keyed },
  reads: {
    give: () => () => 'a function',
    rung: (state, { key }: { key: string }) => !state.ringing.has(key),
  },
  writes: {
    ping: () => 'pong',
    tell: (_state, { to }: { to: string }, context) => context.tell(to, 'ping', { a: () => 'function' }),
    ask: (_state, { to }: { to: string }, context) =>
      context.ask(to, 'ping', { a: () => 'function' }, { then: 'answered', data: context.defer() }),
    keep: (state) => {
      state.thing = () => 'a function'
    },
    wind: (state, { key }: { key: string }, context) => {
      state.ringing.add(key)
      context.setTimer({ handler: 'ring', id: key, afterMs: 100, data: { key } })
    },
  },
  timers: {
    ring: (state, { key }: { key: string }) => {
      if (!state.ringing.delete(key)) throw new Error(`${key} is not here`)
    },
  },
  replies: {
    answered: (_state, outcome, context) => {
      if (outcome.ok) context.reply(outcome.data, outcome.value)
      else context.refuse(outcome.data, outcome.error.code, outcome.error.message)
    },
  },
  partition: {
    keyOf: (message: { key?: string } | null) => message?.key,
    split: (state, ownerOf, parts) =>
      Array.from({ length: parts }, (_, part) => ({
        ringing: new Set([...state.ringing].filter((key) => ownerOf(key) === part)),
        thing: null,
      })),
    merge: (states) => ({ ringing: new Set(states.flatMap(({ ringing }) => [...ringing])), thing: null }),
  },
})

function start(development: boolean): { lab: Lab; client: LabClient } {
  const lab = new Lab({ threads: 2, seed: 5, development })
  const code = lab.register('careless', careless)
  const agent = { form: 'agent' as const, code, kind: 'careless', version: 1 }
  const client = lab.client()
  lab.boot(client, {
    name: 'unfit',
    agents: [
      { name: 'A', ...agent, place: 'main/1' },
      { name: 'Near', ...agent, place: 'main/1' },
      { name: 'Far', ...agent, place: 'main/2' },
    ],
    plugins: [{ name: 'shard', version: '0.1.0', code: lab.registerTransformation(shard) }],
    transformations: [],
  })
  return { lab, client }
}

const faults = (lab: Lab, client: LabClient) => lab.call(client, CONTROLLER, 'faults') as Fault[]

describe.each([
  ['in development', true, ['Near', 'Far', CONTROLLER]],
  ['in production, where only what leaves a thread is checked,', false, ['Far', CONTROLLER]],
])('what is no plain data, %s', (_mode, development, receivers) => {
  it('is an error for who waits for it, a fault if nobody does, and ends nothing', () => {
    const { lab, client } = start(development)
    expect(lab.outcome(client, 'A', 'give')).toMatchObject({ ok: false, code: 'not-plain-data' })
    for (const to of receivers) {
      expect(lab.outcome(client, 'A', 'ask', { to }), to).toMatchObject({ ok: false, code: 'not-plain-data' })
      expect(lab.outcome(client, 'A', 'tell', { to }), to).toEqual({ ok: true, value: null })
      lab.settle()
    }
    expect(faults(lab, client)).toMatchObject([{ id: 'A', code: 'not-plain-data' }])
    for (const to of ['A', 'Near', 'Far']) expect(lab.call(client, to, 'ping')).toBe('pong')
  })

  it('can be kept until somebody looks, or the agent moves: both are refused, and the agent runs on', () => {
    const { lab, client } = start(development)
    lab.call(client, 'A', 'keep')
    expect(lab.outcome(client, 'box/main/1', 'image', { id: 'A' })).toMatchObject({ ok: false, code: 'not-plain-data' })
    const moved = lab.outcome(client, CONTROLLER, 'change', { verb: 'move', id: 'A', place: 'main/2' })
    expect(moved).toMatchObject({ ok: false, code: 'plan-failed' })
    expect(lab.call(client, 'A', 'ping')).toBe('pong')
  })
})

describe('a message to a name that leads nowhere', () => {
  it('is a fault of that name', () => {
    const { lab, client } = start(true)
    client.tell('Nobody', 'ping', null)
    lab.settle()
    expect(faults(lab, client)).toMatchObject([{ id: 'Nobody', code: 'unknown-agent' }])
  })
})

describe('what a message causes', () => {
  it('belongs to the key that the handler saw, whatever the schema made of it', () => {
    const { lab, client } = start(true)
    const keys = Array.from({ length: 20 }, (_, index) => `KEY${index}`)
    for (const key of keys) lab.call(client, 'A', 'wind', { key })
    lab.change(client, { verb: 'transform', id: 'A', plugin: 'shard', options: { shards: 4 } })
    const rung = () => keys.every((key) => lab.call(client, 'A', 'rung', { key }))
    lab.now += 200
    lab.until(rung, 'every timer')
    expect(faults(lab, client)).toEqual([])
  })
})

describe('the bytes moved by a change', () => {
  it('are those that left a thread, in whatever order they did', () => {
    const { lab, client } = start(true)
    const change = lab.change(client, { verb: 'transform', id: 'A', plugin: 'shard', options: { shards: 4 } })
    expect(change.starts.map(({ place }) => place)).toContain('main/2')
    expect(change.movedBytes).toBeGreaterThan(0)
  })
})
