import { shard } from '@ovid/shard'
import { describe, expect, it } from 'vitest'
import { defineAgent, gatewayDefinition } from '../agent/definition.js'
import { Lab, type LabClient } from '../box/lab.fixture.js'
import { CONTROLLER } from '../box/protocol.js'
import { decodeBody, encodeBody } from '../edge/codec/body.js'
import { defineTransformation } from '../latt/transformation.js'
import type { Message } from '../message/envelope.js'
import { OvidError } from '../message/errors.js'
import type { ChangeRequest } from './state.js'

const counter = defineAgent({
  kind: 'counter',
  init: () => ({ counts: new Map<string, number>() }),
  reads: { count: (state, message: { key: string }) => state.counts.get(message.key) ?? 0 },
  writes: {
    add: (state, message: { key: string }) => {
      const count = (state.counts.get(message.key) ?? 0) + 1
      state.counts.set(message.key, count)
      return count
    },
  },
  partition: {
    keyOf: (message: { key?: string }) => message?.key,
    split: (state, ownerOf, parts) => {
      const states = Array.from({ length: parts }, () => ({ counts: new Map<string, number>() }))
      for (const [key, count] of state.counts) states[ownerOf(key)]?.counts.set(key, count)
      return states
    },
    merge: (states) => ({ counts: new Map(states.flatMap((state) => [...state.counts])) }),
  },
})

const clock = defineAgent({
  kind: 'clock',
  init: () => ({}),
  reads: { time: (_state, _message: null, context) => context.now },
})
const gate = gatewayDefinition({ kind: 'gate', start: () => ({}) })

function start(seed: number): { lab: Lab; client: LabClient } {
  const lab = new Lab({ threads: 3, seed })
  const agents = [
    { name: 'COUNTER', form: 'agent' as const, code: lab.register('counter', counter), kind: 'counter', version: 1 },
    { name: 'CLOCK', form: 'agent' as const, code: lab.register('clock', clock), kind: 'clock', version: 1 },
    { name: 'GATE', form: 'gateway' as const, code: lab.register('gate', gate), kind: 'gate', version: 1 },
  ]
  const plugin = { name: 'shard', version: '0.1.0', code: lab.registerTransformation(shard) }
  const client = lab.client()
  lab.boot(client, { name: 'test', agents, plugins: [plugin], transformations: [] })
  return { lab, client }
}

const shards = (count: number): ChangeRequest => ({
  verb: 'transform',
  id: 'COUNTER',
  plugin: 'shard',
  options: { shards: count },
})

describe('the controller refuses an unsound change before anything moves', () => {
  const code = { module: 'counter', pick: [] }
  it.each<[string, ChangeRequest, string]>([
    ['an agent that is not there', { ...shards(2), id: 'NOBODY' }, 'unknown-agent'],
    ['the system itself', { ...shards(2), id: '' }, 'unknown-agent'],
    ['a plug-in that is not there', { ...shards(2), plugin: 'nope' } as ChangeRequest, 'plugin-unknown'],
    ['too many shards', shards(1025), 'option-invalid'],
    ['no shards', shards(0), 'option-invalid'],
    ['an option of the wrong type', shards('two' as never), 'option-invalid'],
    [
      'an option that is not there',
      { verb: 'transform', id: 'COUNTER', plugin: 'shard', options: { shards: 2, colour: 1 } },
      'option-invalid',
    ],
    ['an agent that lacks what shard requires', { ...shards(2), id: 'CLOCK' }, 'requirement-missing'],
    ['a gateway', { ...shards(2), id: 'GATE' }, 'agent-pinned'],
    ['moving a gateway', { verb: 'move', id: 'GATE', place: 'main/1' }, 'agent-pinned'],
    ['taking off what was not put on', { verb: 'untransform', id: 'COUNTER' }, 'not-transformed'],
    ['a thread that is not there', { verb: 'move', id: 'COUNTER', place: 'main/9' }, 'no-such-place'],
    ['a box that is not there', { verb: 'move', id: 'COUNTER', place: 'mars/1' }, 'no-such-place'],
    ['the main thread', { verb: 'move', id: 'COUNTER', place: 'main/0' }, 'no-such-place'],
    [
      'an upgrade to another kind',
      { verb: 'upgrade', id: 'COUNTER', code, kind: 'clock', version: 2 },
      'version-mismatch',
    ],
    [
      'an upgrade to the same version',
      { verb: 'upgrade', id: 'COUNTER', code, kind: 'counter', version: 1 },
      'version-mismatch',
    ],
    [
      'an upgrade without migrate',
      { verb: 'upgrade', id: 'COUNTER', code, kind: 'counter', version: 2 },
      'requirement-missing',
    ],
  ])('%s', (_what, change, expected) => {
    const { lab, client } = start(1)
    for (const dryRun of [true, false]) {
      const outcome = lab.outcome(client, CONTROLLER, 'change', { ...change, dryRun })
      expect(outcome).toMatchObject({ ok: false, code: expected })
    }
    expect(lab.call(client, 'COUNTER', 'add', { key: 'a' })).toBe(1)
    expect(lab.call(client, CONTROLLER, 'history')).toEqual([])
  })

  it('a change that would weaken a guarantee, unless that is said to be meant, also when it waits for another', () => {
    const { lab, client } = start(1)
    const weaker = defineTransformation({
      ...shard,
      name: 'weaker',
      guarantees: () => ({ gains: [], loses: ['order'] }),
    })
    lab.call(client, CONTROLLER, 'registerPlugin', {
      name: 'weaker',
      version: '1.0.0',
      code: lab.registerTransformation(weaker),
    })
    const change: ChangeRequest = { verb: 'transform', id: 'COUNTER', plugin: 'weaker', options: { shards: 2 } }
    for (const dryRun of [true, false]) {
      const outcome = lab.outcome(client, CONTROLLER, 'change', { ...change, dryRun })
      expect(outcome).toMatchObject({ ok: false, code: 'weakens-guarantee', message: expect.stringContaining('order') })
    }
    const codes: string[] = []
    client.call(CONTROLLER, 'change', { verb: 'move', id: 'CLOCK', place: 'main/3' }, () => {})
    client.call(CONTROLLER, 'change', change, (outcome) => codes.push(outcome.ok ? 'done' : outcome.code))
    lab.until(() => codes.length === 1)
    expect(codes).toEqual(['weakens-guarantee'])
    expect(lab.change(client, { ...change, accept: 'weaker' })).toMatchObject({ loses: ['order'] })
  })

  it('says what a change would do, and does nothing, on a dry run', () => {
    const { lab, client } = start(2)
    lab.call(client, 'COUNTER', 'add', { key: 'a' })
    const before = lab.call(client, CONTROLLER, 'latt')
    const dry = lab.change(client, { ...shards(2), dryRun: true })
    expect(dry).toMatchObject({ dryRun: true, epoch: 2, stops: [{ id: 'COUNTER' }] })
    expect(dry.starts.map((agent) => agent.id).sort()).toEqual([
      'COUNTER/Shard1',
      'COUNTER/Shard2',
      'COUNTER/ShardEgressProxy1',
      'COUNTER/ShardEgressProxy2',
      'COUNTER/ShardIngressProxy:client:1',
    ])
    expect(lab.call(client, CONTROLLER, 'latt')).toEqual(before)
  })
})

describe('the controller', () => {
  it('takes changes back in the order they were made', () => {
    const { lab, client } = start(3)
    lab.change(client, shards(2))
    lab.change(client, shards(4))
    lab.change(client, { verb: 'move', id: 'COUNTER/Shard1', place: 'main/3' })
    lab.call(client, CONTROLLER, 'undo', {})
    lab.call(client, CONTROLLER, 'undo', {})
    expect(
      (lab.call(client, CONTROLLER, 'latt') as { latt: { children: { applied?: { options: unknown } }[] } }).latt
        .children[0]?.applied?.options,
    ).toEqual({ shards: 2 })
    lab.call(client, CONTROLLER, 'undo', {})
    expect(() => lab.call(client, CONTROLLER, 'undo', {})).toThrow(OvidError)
    expect(lab.call(client, CONTROLLER, 'history')).toEqual([])
  })

  it('does not pretend to take back what lost a transformation inside', () => {
    const { lab, client } = start(6)
    const nested = { verb: 'transform', id: 'COUNTER/Shard2', plugin: 'shard', options: { shards: 2 } } as const
    lab.change(client, shards(2))
    lab.change(client, nested)
    lab.change(client, shards(3))
    lab.call(client, CONTROLLER, 'undo', {})
    lab.change(client, shards(1))
    expect(lab.outcome(client, CONTROLLER, 'undo', {})).toMatchObject({ ok: false, code: 'nothing-to-undo' })
    lab.change(client, shards(2))
    lab.change(client, nested)
    lab.change(client, { verb: 'untransform', id: 'COUNTER' })
    expect(lab.outcome(client, CONTROLLER, 'undo', {})).toMatchObject({ ok: false, code: 'nothing-to-undo' })
  })

  it('takes a move back even if the agent has come back by another way', () => {
    const { lab, client } = start(5)
    const placeOf = (id: string) =>
      (lab.call(client, CONTROLLER, 'agents') as { id: string; place: string }[]).find((agent) => agent.id === id)
        ?.place
    lab.change(client, shards(2))
    const home = placeOf('COUNTER/Shard2') as string
    const away = home === 'main/3' ? 'main/2' : 'main/3'
    lab.change(client, { verb: 'move', id: 'COUNTER/Shard2', place: away })
    lab.change(client, { verb: 'untransform', id: 'COUNTER' })
    lab.call(client, CONTROLLER, 'undo', {})
    expect(placeOf('COUNTER/Shard2')).toBe(home)
    lab.call(client, CONTROLLER, 'undo', {})
    expect(placeOf('COUNTER/Shard2')).toBe(home)
    expect(
      lab.outcome(client, CONTROLLER, 'change', { verb: 'move', id: 'COUNTER/Shard2', place: home }),
    ).toMatchObject({ ok: false, code: 'no-such-place' })
  })

  it('takes back two changes when asked twice at once, and the last when asked behind one', () => {
    const { lab, client } = start(7)
    const shardCount = () =>
      (lab.call(client, CONTROLLER, 'latt') as { latt: { children: { applied?: { options: { shards: number } } }[] } })
        .latt.children[0]?.applied?.options.shards
    lab.change(client, shards(2))
    lab.change(client, shards(3))
    let answered = 0
    const ask = (type: string, body: unknown) =>
      client.call(CONTROLLER, type, body, (outcome) => {
        expect(outcome).toMatchObject({ ok: true })
        answered++
      })
    ask('undo', {})
    ask('undo', {})
    lab.until(() => answered === 2)
    expect(shardCount()).toBeUndefined()
    lab.change(client, shards(2))
    ask('change', shards(5))
    ask('undo', {})
    lab.until(() => answered === 4)
    expect(shardCount()).toBe(2)
    expect(lab.call(client, CONTROLLER, 'history')).toHaveLength(1)
  })

  it('serves clients that join while a change of something else is under way', () => {
    const { lab, client } = start(8)
    lab.change(client, shards(2))
    for (let round = 0; round < 20; round++) {
      let done = false
      client.call(CONTROLLER, 'change', { verb: 'move', id: 'CLOCK', place: `main/${1 + (round % 3)}` }, () => {
        done = true
      })
      for (let steps = lab.random(60); steps > 0; steps--) lab.step()
      const visitor = lab.client(`main/${lab.random(4)}`)
      expect(lab.call(visitor, 'COUNTER', 'add', { key: 'a' })).toBe(round + 1)
      lab.until(() => done)
      if (round % 2 === 0 && visitor.cell !== undefined) lab.host(visitor.place).leave(visitor.cell, () => {})
    }
    expect(lab.call(client, CONTROLLER, 'faults')).toEqual([])
  })

  it('carries out changes that are asked for at once one after the other', () => {
    const { lab, client } = start(4)
    const epochs: number[] = []
    for (const count of [2, 3, 4, 5]) {
      client.call(CONTROLLER, 'change', shards(count), (outcome) => {
        if (!outcome.ok) throw new Error(outcome.message)
        epochs.push((outcome.value as { epoch: number }).epoch)
      })
    }
    lab.until(() => epochs.length === 4)
    expect(epochs).toEqual([2, 3, 4, 5])
  })

  it.each(Array.from({ length: 25 }, (_, index) => index + 1))(
    'loses nothing when its state is written down and read back at any moment, and every control message may come twice, seed %i',
    (seed) => {
      const { lab, client } = start(seed)
      const repeated = new Set(['operation', 'ack', 'drained', 'stage'])
      lab.filter = (message: Message) =>
        repeated.has(message.type) && lab.random(3) === 0 ? [message, message] : [message]
      const clients = [client, lab.client('main/1'), lab.client('main/2')]
      let asked = 0
      let answered = 0
      for (let round = 0; round < 8; round++) {
        const change: ChangeRequest =
          round % 4 === 3 ? { verb: 'untransform', id: 'COUNTER' } : shards(1 + lab.random(4))
        let done = false
        client.call(CONTROLLER, 'change', change, (outcome) => {
          expect(outcome).toMatchObject({ ok: true })
          done = true
        })
        lab.until(() => {
          if (lab.random(5) === 0) {
            const cell = lab.host('main/0').cells.get(CONTROLLER)
            if (cell !== undefined) cell.state = decodeBody(encodeBody(cell.state))
          }
          if (lab.random(10) === 0) {
            asked++
            clients[lab.random(3)]?.call('COUNTER', 'add', { key: `k${lab.random(4)}` }, (outcome) => {
              expect(outcome).toMatchObject({ ok: true })
              answered++
            })
          }
          return done
        })
      }
      lab.until(() => answered === asked)
      const total = [0, 1, 2, 3].reduce(
        (sum, key) => sum + (lab.call(client, 'COUNTER', 'count', { key: `k${key}` }) as number),
        0,
      )
      expect(total).toBe(asked)
    },
  )

  it('lets a client go with its proxies, and keeps nothing of it', () => {
    const { lab, client } = start(6)
    lab.change(client, shards(2))
    const before = lab.host('main/1').statistics()
    for (let round = 0; round < 5; round++) {
      const visitor = lab.client('main/1')
      lab.call(visitor, 'COUNTER', 'add', { key: 'a' })
      let gone = false
      const cell = visitor.cell
      if (cell !== undefined) lab.host('main/1').leave(cell, () => (gone = true))
      lab.until(() => gone)
      lab.settle()
    }
    expect(lab.host('main/1').statistics().agents).toBe(before.agents)
    expect(lab.call(client, CONTROLLER, 'clients')).toHaveLength(1)
    for (const host of lab.hosts.values()) {
      for (const cell of host.cells.values())
        for (const from of cell.incoming.values()) expect(JSON.stringify(from)).not.toMatch(/client:[2-6]/)
    }
  })

  it('refuses an upgrade under which a timer that is set would vanish', () => {
    const lab = new Lab({ threads: 1, seed: 1 })
    const first = defineAgent({
      kind: 'alarm',
      init: () => ({ rung: 0 }),
      reads: { rung: (state) => state.rung },
      writes: { set: (_state, _message: null, context) => context.setTimer({ handler: 'ring', afterMs: 1000 }) },
      timers: {
        ring: (state) => {
          state.rung++
        },
      },
    })
    const second = defineAgent({ kind: 'alarm', version: 2, init: () => ({ rung: 0 }), migrate: (state) => state })
    const client = lab.client()
    const agents = [
      { name: 'ALARM', form: 'agent' as const, code: lab.register('first', first), kind: 'alarm', version: 1 },
    ]
    lab.boot(client, { name: 'alarms', agents, plugins: [], transformations: [] })
    lab.call(client, 'ALARM', 'set')
    const upgrade: ChangeRequest = {
      verb: 'upgrade',
      id: 'ALARM',
      code: lab.register('second', second),
      kind: 'alarm',
      version: 2,
    }
    const outcome = lab.outcome(client, CONTROLLER, 'change', upgrade)
    expect(outcome).toMatchObject({ ok: false, code: 'plan-failed', message: expect.stringContaining('timers.ring') })
    lab.until(() => lab.call(client, 'ALARM', 'rung') === 1)
  })
})

describe('what is sent to the system by those who should not', () => {
  const internal: [string, string, unknown][] = [
    [CONTROLLER, 'ack', { plan: 1, stage: 'start', place: 'main/1' }],
    [CONTROLLER, 'threadLost', { place: 'main/1', reason: 'says who' }],
    [CONTROLLER, 'resolve', { source: 'COUNTER', name: 'COUNTER', place: 'main/1' }],
    [CONTROLLER, 'leave', { id: 'client:1' }],
    [CONTROLLER, 'boot', { name: 'mine', places: [], agents: [], plugins: [], transformations: [] }],
    ['box/main', 'stage', { plan: 99, operations: [] }],
    ['box/main', 'threadLost', { place: 'main/1', reason: 'says who' }],
    ['box/main/1', 'operation', { plan: 99, operation: { stage: 'abort' } }],
    ['box/main/1', 'lost', { ids: ['COUNTER'] }],
    ['box/main/1', '$carry', { plan: 99 }],
  ]
  it.each(internal)('%s refuses %s from a client', (to, type, body) => {
    const { lab, client } = start(1)
    expect(lab.outcome(client, to, type, body)).toMatchObject({ ok: false, code: 'not-allowed' })
    client.tell(to, type, body)
    lab.settle()
    expect(lab.call(client, 'COUNTER', 'add', { key: 'a' })).toBe(1)
    expect(lab.change(client, shards(2)).epoch).toBe(2)
  })

  it.each<[string, unknown]>([
    ['nothing', null],
    ['a word', 'transform'],
    ['no verb', { id: 'COUNTER' }],
    ['a verb that is not there', { verb: 'explode', id: 'COUNTER' }],
    ['the name of a prototype for a verb', { verb: 'constructor', id: 'COUNTER' }],
    ['no id', { verb: 'untransform' }],
    ['no options', { verb: 'transform', id: 'COUNTER', plugin: 'shard' }],
    ['null for options', { verb: 'transform', id: 'COUNTER', plugin: 'shard', options: null }],
    ['code that names nothing', { verb: 'upgrade', id: 'COUNTER', code: {}, kind: 'counter', version: 2 }],
  ])('a change that is %s is refused, and the controller goes on', (_what, request) => {
    const { lab, client } = start(1)
    expect(lab.outcome(client, CONTROLLER, 'change', request)).toMatchObject({ ok: false, code: 'invalid-message' })
    expect(lab.change(client, shards(2)).epoch).toBe(2)
  })

  it('a plug-in that throws while it is planned is refused, and the controller goes on', () => {
    const { lab, client } = start(1)
    for (const part of ['expand', 'guarantees', 'refine'] as const) {
      const broken = defineTransformation({
        ...shard,
        name: `broken-${part.toLowerCase()}`,
        [part]: () => {
          throw new TypeError('broken')
        },
      })
      lab.call(client, CONTROLLER, 'registerPlugin', {
        name: broken.name,
        version: '1.0.0',
        code: lab.registerTransformation(broken),
      })
      const outcome = lab.outcome(client, CONTROLLER, 'change', { ...shards(2), plugin: broken.name })
      expect(outcome).toMatchObject({ ok: false, code: expect.stringMatching(/^(plan|plugin)-failed$/) })
    }
    expect(lab.change(client, shards(2)).epoch).toBe(2)
  })
})
