import { defineAgent } from '../agent/definition.js'
import type { Box } from '../edge/box/box.js'
import type { EdgeClient } from '../edge/client/client.js'
import type { LattNode } from '../latt/latt.js'
import { OvidError } from '../message/errors.js'
import type { Command } from './command.js'
import { commands } from './commands/table.js'
import { Session } from './session.js'

const store = defineAgent({
  kind: 'store',
  init: () => ({}),
  reads: { get: () => null },
  writes: { put: () => true, purge: () => true },
})

const code = { module: 'memory:', pick: [] }
const node = (id: string, role: LattNode['role'], children: LattNode[] = []): LattNode => ({
  id,
  role,
  self: id,
  code: role === 'gateway' ? { module: 'gateway:', pick: [] } : code,
  kind: role === 'gateway' ? 'web' : 'store',
  version: 1,
  children,
})

const shards = [1, 2].map((number) => node(`Store/Shard${number}`, 'copy'))
const latt = node('', 'system', [node('Store', 'agent', shards), node('Web', 'gateway'), node('Stock', 'agent')])

/** A session with a system that does not run: enough to read lines, to complete them and to answer calls. */
export function fakeSession(table: readonly Command[] = commands): {
  session: Session
  said: string[]
  calls: unknown[][]
} {
  const said: string[] = []
  const calls: unknown[][] = []
  const threads = ['main/0', 'main/1', 'main/2'].map((place, agents) => ({ place, status: 'running', agents }))
  const controller = {
    latt: async () => ({ name: 'fake', epoch: 1, latt }),
    plugins: async () => [{ name: 'shard', version: '1.0.0', options: { shards: 'how many', salt: 'any text' } }],
    boxes: async () => [{ name: 'main', threads }],
    agents: async () => [],
    layout: async () => ({ agents: [{ id: 'Stock', place: 'main/1', status: 'running' }] }),
    plan: async () => {
      throw new OvidError('no-such-plan', 'no change is under way')
    },
    change: async (request: object) => {
      calls.push(['change', request])
      const change = { ...request }
      return {
        change,
        epoch: 2,
        starts: [],
        stops: [],
        moves: [],
        upgrades: [],
        routes: [],
        gains: [],
        loses: [],
        pauseMs: 1,
        tookMs: 2,
        movedBytes: 3,
        dryRun: false,
        ...request,
      }
    },
  }
  const client = {
    id: 'client:1',
    call: async (...call: unknown[]) => {
      calls.push(call)
      return 'answer'
    },
  }
  const box = {
    name: 'main',
    controller: () => controller,
    store: { get: ({ module }: { module: string }) => (module === 'memory:' ? store : undefined) },
  }
  const session = new Session(box as unknown as Box, client as unknown as EdgeClient, table, {
    say: (line) => said.push(line),
    attended: true,
  })
  return { session, said, calls }
}
