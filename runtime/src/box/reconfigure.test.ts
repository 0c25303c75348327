import { shard } from '@ovid/shard'
import { describe, expect, it } from 'vitest'
import { defineAgent } from '../agent/definition.js'
import type { ChangeRequest } from '../controller/state.js'
import { Lab, type LabClient } from './lab.fixture.js'
import { CONTROLLER } from './protocol.js'

interface Entry {
  value: string
}

const partition = {
  keyOf: (message: { key?: string }) => message?.key,
  split: (state: { entries: Map<string, Entry> }, ownerOf: (key: string) => number, parts: number) => {
    const states = Array.from({ length: parts }, () => ({ entries: new Map<string, Entry>() }))
    for (const [key, entry] of state.entries) states[ownerOf(key)]?.entries.set(key, entry)
    return states
  },
  merge: (states: { entries: Map<string, Entry> }[]) => ({
    entries: new Map(states.flatMap((state) => [...state.entries])),
  }),
}

const kvs = defineAgent({
  kind: 'kvs',
  init: () => ({ entries: new Map<string, Entry>() }),
  reads: { get: (state, message: { key: string }) => state.entries.get(message.key)?.value ?? null },
  writes: {
    put: (state, message: { key: string; value: string }) => {
      state.entries.set(message.key, { value: message.value })
      return true
    },
    append: (state, message: { key: string; value: string }) => {
      state.entries.set(message.key, { value: (state.entries.get(message.key)?.value ?? '') + message.value })
    },
  },
  partition,
})

function start(seed: number, threads = 3): { lab: Lab; client: LabClient } {
  const lab = new Lab({ threads, seed })
  const code = lab.register('kvs', kvs)
  const plugin = { name: 'shard', version: '0.1.0', code: lab.registerTransformation(shard) }
  const client = lab.client()
  lab.boot(client, {
    name: 'test',
    agents: [{ name: 'KVS', form: 'agent', code, kind: 'kvs', version: 1 }],
    plugins: [plugin],
    transformations: [],
  })
  return { lab, client }
}

describe('a live reconfiguration', () => {
  it('shards, reshards and unshards a store that keeps what it holds', () => {
    const { lab, client } = start(1)
    for (let key = 0; key < 50; key++) lab.call(client, 'KVS', 'put', { key: `k${key}`, value: `${key}` })
    const all = () => {
      for (let key = 0; key < 50; key++) expect(lab.call(client, 'KVS', 'get', { key: `k${key}` })).toBe(`${key}`)
    }
    lab.change(client, { verb: 'transform', id: 'KVS', plugin: 'shard', options: { shards: 2 } })
    all()
    lab.change(client, { verb: 'transform', id: 'KVS', plugin: 'shard', options: { shards: 5 } })
    all()
    lab.change(client, { verb: 'move', id: 'KVS/Shard2', place: 'main/1' })
    all()
    lab.change(client, { verb: 'transform', id: 'KVS/Shard1', plugin: 'shard', options: { shards: 3 } })
    all()
    lab.change(client, { verb: 'transform', id: 'KVS', plugin: 'shard', options: { shards: 3 } })
    all()
    lab.change(client, { verb: 'untransform', id: 'KVS/Shard1' })
    all()
    lab.change(client, { verb: 'untransform', id: 'KVS' })
    all()
    lab.settle()
    expect(lab.forwarders).toBe(0)
    expect(lab.call(client, CONTROLLER, 'faults')).toEqual([])
  })

  it.each(Array.from({ length: 200 }, (_, index) => index + 1))(
    'loses, doubles and reorders nothing under load, seed %i',
    (seed) => {
      const { lab, client } = start(seed)
      const random = lab.random
      const clients = [client, lab.client('main/1'), lab.client('main/2'), lab.client('main/0')]
      const keys = ['a', 'b', 'c', 'd', 'e']
      const sent = clients.map(() => new Map<string, number>())
      let open = 0
      let sharded = 0
      const load = () => {
        const who = random(clients.length)
        const key = keys[random(keys.length)] as string
        const count = (sent[who]?.get(key) ?? 0) + 1
        sent[who]?.set(key, count)
        const body = { key, value: `${who}:${count};` }
        if (random(2) === 0) (clients[who] as LabClient).tell('KVS', 'append', body)
        else {
          open++
          ;(clients[who] as LabClient).call('KVS', 'append', body, (outcome) => {
            expect(outcome.ok).toBe(true)
            open--
          })
        }
      }
      for (let round = 0; round < 12; round++) {
        const change = randomChange(random, sharded)
        let done = false
        client.call(CONTROLLER, 'change', change, (outcome) => {
          done = true
          if (!outcome.ok) expect(outcome.code, outcome.message).toBe('no-such-place')
          else if (change.verb === 'transform') sharded = change.options.shards as number
          else if (change.verb === 'untransform') sharded = 0
        })
        lab.until(
          () => {
            if (random(10) < 3) load()
            return done
          },
          `round ${round}: ${JSON.stringify(change)}`,
        )
      }
      lab.until(() => open === 0)
      lab.settle()
      for (const key of keys) {
        const log = String(lab.call(client, 'KVS', 'get', { key }) ?? '')
          .split(';')
          .filter((part) => part !== '')
        clients.forEach((_, who) => {
          const mine = log.filter((part) => part.startsWith(`${who}:`)).map((part) => Number(part.slice(2)))
          expect(mine, `client ${who}, key ${key}`).toEqual(
            Array.from({ length: sent[who]?.get(key) ?? 0 }, (_, index) => index + 1),
          )
        })
      }
      expect(lab.call(client, CONTROLLER, 'faults')).toEqual([])
      expect(lab.forwarders).toBe(0)
    },
  )
})

function randomChange(random: (below: number) => number, sharded: number): ChangeRequest {
  const kind = random(4)
  if (sharded > 0 && kind === 0) return { verb: 'untransform', id: 'KVS' }
  if (kind === 1) {
    const id = sharded > 0 ? `KVS/Shard${1 + random(sharded)}` : 'KVS'
    return { verb: 'move', id, place: `main/${1 + random(3)}` }
  }
  return { verb: 'transform', id: 'KVS', plugin: 'shard', options: { shards: 1 + random(5) } }
}
