import { shard } from '@ovid/shard'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineAgent, defineProxy } from '../agent/definition.js'
import type { AgentImage } from '../agent/image.js'
import { defineTransformation } from '../latt/transformation.js'
import { Lab } from './lab.fixture.js'
import { CONTROLLER } from './protocol.js'

/** Has entries from the start. */
const shelf = defineAgent({
  kind: 'shelf',
  init: (params: { keys: string[] }) => new Map(params.keys.map((key) => [key, 0])),
  reads: { get: (entries, { key }: { key: string }) => entries.get(key) ?? null },
  writes: {
    add: (entries, { key }: { key: string }) => {
      entries.set(key, (entries.get(key) ?? 0) + 1)
    },
  },
  partition: {
    keyOf: (message: { key?: string } | null) => message?.key,
    split: (entries, ownerOf, parts) => {
      if (entries.has('unlucky')) throw new Error('this cannot be divided')
      return Array.from({ length: parts }, (_, part) => new Map([...entries].filter(([key]) => ownerOf(key) === part)))
    },
    merge: (states) => new Map(states.flatMap((entries) => [...entries])),
  },
})

const keys = Array.from({ length: 40 }, (_, index) => `k${index}`)

function start(transformed: readonly string[], params: { keys: string[] } = { keys }) {
  const lab = new Lab({ threads: 3, seed: 1 })
  const code = lab.register('shelf', shelf)
  const plugin = { name: 'shard', version: '0.1.0', code: lab.registerTransformation(shard) }
  const client = lab.client()
  const transformations = transformed.map((at) => ({ at, plugin: 'shard', options: { shards: 3 } }))
  const agents = [{ name: 'SHELF', form: 'agent' as const, code, kind: 'shelf', version: 1, params }]
  const begin = () => lab.boot(client, { name: 'test', agents, plugins: [plugin], transformations })
  return { lab, client, begin }
}

describe('an agent that begins transformed', () => {
  it.each([[['SHELF']], [['SHELF', 'SHELF/Shard2']]])('(%j) divides its first state among its parts', (transformed) => {
    const { lab, client, begin } = start(transformed)
    begin()
    const parts = [...lab.hosts.values()].flatMap((host) =>
      [...host.cells.values()]
        .filter((cell) => cell.definition === shelf)
        .map((cell) => cell.state as Map<string, number>),
    )
    expect(parts).toHaveLength(transformed.length * 2 + 1)
    expect(parts.flatMap((part) => [...part.keys()]).sort()).toEqual([...keys].sort())

    for (const key of keys) lab.call(client, 'SHELF', 'add', { key })
    lab.change(client, { verb: 'transform', id: 'SHELF', plugin: 'shard', options: { shards: 2 } })
    lab.change(client, { verb: 'untransform', id: 'SHELF' })
    for (const key of keys) expect(lab.call(client, 'SHELF', 'get', { key })).toBe(1)
  })

  it('cannot start with a state that cannot be divided', () => {
    const { lab, client, begin } = start(['SHELF'], { keys: ['unlucky'] })
    expect(begin).toThrow(/SHELF: .*this cannot be divided/)
    expect(lab.call(client, CONTROLLER, 'faults')).toEqual([])
  })
})

describe("an agent of a transformation's own", () => {
  /** Has every message counted by an agent of its own, which answers them. */
  const counted = defineTransformation({
    name: 'counted',
    version: '0.1.0',
    api: '^1.0.0',
    options: z.object({}),
    agents: {
      ingress: defineProxy({
        kind: 'counted-ingress',
        init: ({ to }: { to: string }) => ({ to }),
        pass: ({ to }, _message, context) => context.pass(to),
      }),
      desk: defineAgent({
        kind: 'desk',
        init: ({ from }: { from: number }) => ({ count: from }),
        writes: { add: (state) => ++state.count },
      }),
    },
    expand: ({ id }) => ({
      children: [
        { name: 'Core', agent: 'target' },
        { name: 'Desk', agent: 'desk', params: { from: 10 }, near: 'Core' },
      ],
      ingress: { name: 'Ingress', agent: 'ingress', params: { to: `${id}/Desk` } },
      routes: {},
    }),
    refine: () => ({ lift: ({ Core }) => Core as AgentImage, lower: (image) => ({ Core: image }) }),
  })

  it('begins anew when its transformation is applied, and takes its state along when it moves', () => {
    const { lab, client, begin } = start([])
    begin()
    const plugin = { name: 'counted', version: '0.1.0', code: lab.registerTransformation(counted) }
    lab.call(client, CONTROLLER, 'registerPlugin', plugin)
    const add = () => lab.call(client, 'SHELF', 'add', { key: 'k1' })
    add()
    lab.change(client, { verb: 'transform', id: 'SHELF', plugin: 'counted', options: {} })
    expect([add(), add()]).toEqual([11, 12])
    lab.change(client, { verb: 'move', id: 'SHELF/Core', place: 'main/3' })
    expect(add()).toBe(13)
    lab.change(client, { verb: 'untransform', id: 'SHELF' })
    expect(lab.call(client, 'SHELF', 'get', { key: 'k1' })).toBe(1)
  })
})
