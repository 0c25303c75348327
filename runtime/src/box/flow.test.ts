import { describe, expect, it } from 'vitest'
import { defineAgent } from '../agent/definition.js'
import { WINDOW } from './cell.js'
import { Lab, type LabClient } from './lab.fixture.js'
import { CONTROLLER } from './protocol.js'

/** Sends `count` tells to `to` when told to go; answers each ping by a pong if `echo`. */
const flooder = defineAgent({
  kind: 'flooder',
  init: () => ({ pings: 0, pongs: 0 }),
  reads: { counts: (state) => ({ ...state }) },
  writes: {
    go: (_state, message: { to: string; count: number; echo: boolean }, context) => {
      for (let index = 0; index < message.count; index++)
        context.tell(message.to, 'ping', { echo: message.echo ? context.self : '' })
    },
    ping: (state, message: { echo: string }, context) => {
      state.pings++
      if (message.echo !== '') context.tell(message.echo, 'pong', null)
    },
    pong: (state) => {
      state.pongs++
    },
  },
})

/** Passes each message on to the next agent of a line. */
const relay = defineAgent({
  kind: 'relay',
  init: (params: { to: string }) => ({ to: params.to, passed: 0 }),
  reads: { passed: (state) => state.passed },
  writes: {
    pass: (state, message: { number: number }, context) => {
      state.passed++
      if (state.to !== '') context.tell(state.to, 'pass', message)
    },
  },
})

function start(
  seed: number,
  agents: Record<string, { agent: typeof flooder | typeof relay; params?: unknown; thread: number }>,
): { lab: Lab; client: LabClient } {
  const lab = new Lab({ threads: 2, seed, development: false })
  const client = lab.client()
  lab.boot(client, {
    name: 'flow',
    agents: Object.entries(agents).map(([name, { agent, params, thread }]) => ({
      name,
      form: 'agent' as const,
      code: lab.register(agent.kind, agent),
      kind: agent.kind,
      version: 1,
      params,
      place: `main/${thread}`,
    })),
    plugins: [],
    transformations: [],
  })
  return { lab, client }
}

/** Messages that lie in mailboxes, at most ever. */
function deepest(lab: Lab): number {
  return Math.max(
    ...[...lab.hosts.values()].flatMap((host) => [...host.cells.values()].map((cell) => cell.mailbox.length)),
  )
}

describe('flow control', () => {
  it.each([
    ['on two threads', 1, 2],
    ['on one thread', 1, 1],
  ])('lets two agents %s that flood each other both finish', (_where, a, b) => {
    for (const echo of [false, true]) {
      const { lab, client } = start(7, { A: { agent: flooder, thread: a }, B: { agent: flooder, thread: b } })
      const count = 5 * WINDOW
      client.tell('A', 'go', { to: 'B', count, echo })
      client.tell('B', 'go', { to: 'A', count, echo })
      lab.until(() => {
        lab.settle()
        const state = (id: string) =>
          [...lab.hosts.values()].flatMap((host) => host.cells.get(id)?.state ?? [])[0] as {
            pings: number
            pongs: number
          }
        return (
          state('A').pings === count &&
          state('B').pings === count &&
          (!echo || (state('A').pongs === count && state('B').pongs === count))
        )
      })
      expect(lab.call(client, 'A', 'counts')).toEqual({ pings: count, pongs: echo ? count : 0 })
      expect(lab.call(client, 'B', 'counts')).toEqual({ pings: count, pongs: echo ? count : 0 })
    }
  })

  it('keeps the mailboxes of a line of agents within the window, however much comes in at its head', () => {
    const { lab, client } = start(3, {
      A: { agent: relay, params: { to: 'B' }, thread: 1 },
      B: { agent: relay, params: { to: 'C' }, thread: 2 },
      C: { agent: relay, params: { to: '' }, thread: 1 },
    })
    const count = 8 * WINDOW
    for (let number = 0; number < count; number++) client.tell('A', 'pass', { number })
    let most = 0
    lab.until(() => {
      most = Math.max(most, deepest(lab))
      return [...lab.hosts.values()].some(
        (host) => (host.cells.get('C')?.state as { passed: number } | undefined)?.passed === count,
      )
    })
    expect(most).toBeLessThanOrEqual(WINDOW)
    expect(lab.call(client, 'C', 'passed')).toBe(count)
    expect(lab.call(client, CONTROLLER, 'faults')).toEqual([])
  })
})
