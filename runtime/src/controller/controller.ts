import type { Context } from '../agent/context.js'
import { defineAgent } from '../agent/definition.js'
import { type AckMessage, type DoubtMessage, type DrainedMessage, hostId } from '../box/protocol.js'
import type { CodeStore } from '../latt/code.js'
import { leaves, resolve, transformationOf } from '../latt/latt.js'
import type { Place } from '../message/envelope.js'
import { type ErrorBody, OvidError } from '../message/errors.js'
import { type Boot, emptyDeployment } from './boot.js'
import { boot, goOn, submit, undo } from './changes.js'
import { nodeAt, type Plugin, physicalAt } from './deployment.js'
import { acknowledge, agentFailed, drained, waitsFor } from './execution.js'
import { addFault, leave, threadLost, threadUp } from './membership.js'
import { answer, spawned } from './misses.js'
import { summarise } from './plan.js'
import { checkedChange, fromBox, guarded } from './requests.js'
import {
  alivePlaces,
  type ChangeRequest,
  type ChangeResult,
  type ControllerState,
  type Fault,
  type Resolve,
} from './state.js'

/**
 * The agent `controller`: owns the LATT, answers routing misses, and carries out changes. A deterministic
 * state machine like every other agent; it knows code only by name, through `store`.
 */
export function controllerDefinition(store: CodeStore) {
  return defineAgent({
    kind: 'controller',
    init: (params: { planTimeoutMs?: number }): ControllerState => ({
      name: '',
      deployment: emptyDeployment(),
      plugins: new Map(),
      boxes: new Map(),
      nextPlan: 1,
      nextTicket: 1,
      nextClient: 1,
      active: undefined,
      waiting: [],
      spawns: new Map(),
      misses: [],
      leaving: [],
      history: [],
      faults: [],
      planTimeoutMs: params?.planTimeoutMs ?? 30_000,
    }),

    reads: {
      latt: (state) => ({ name: state.name, epoch: state.deployment.epoch, latt: state.deployment.latt }),
      agents: (state) =>
        leaves(state.deployment.latt).map((leaf) => {
          const agent = state.deployment.agents.get(leaf.id)
          return {
            id: leaf.id,
            kind: leaf.kind,
            version: leaf.version,
            role: leaf.role,
            place: agent?.place ?? '',
            status: agent?.status ?? 'lost',
          }
        }),
      clients: (state) => [...state.deployment.clients.values()].map(({ id, place }) => ({ id, place })),
      /** A subtree and where its physical agents are. */
      layout: (state, message: { id: string }) => {
        const node = nodeAt(state.deployment, String(message?.id))
        return {
          epoch: state.deployment.epoch,
          node,
          agents: leaves(node).map((leaf) => ({
            id: leaf.id,
            place: state.deployment.agents.get(leaf.id)?.place ?? '',
            status: state.deployment.agents.get(leaf.id)?.status ?? 'lost',
          })),
        }
      },
      boxes: (state) =>
        [...state.boxes].map(([name, box]) => ({
          name,
          threads: [...box.threads].map(([place, status]) => ({
            place,
            status,
            agents: [...state.deployment.agents.values()].filter(
              (agent) => agent.place === place && agent.status !== 'lost',
            ).length,
          })),
        })),
      routes: (state) =>
        [...state.deployment.given]
          .flatMap(([name, sources]) =>
            [...sources].map((source) => {
              const found = resolve(state.deployment.latt, source, name)
              return { source, name, target: found.found === 'agent' ? found.id : '' }
            }),
          )
          .filter((route) => route.target !== ''),
      plugins: (state) =>
        [...state.plugins.values()].map(({ name, version }) => ({
          name,
          version,
          options: transformationOf(store, state.plugins.get(name)?.code as Plugin['code']).describe ?? {},
        })),
      plan: (state) => {
        const { active } = state
        if (active === undefined) throw new OvidError('no-such-plan', 'no change is under way')
        return {
          number: active.number,
          stage: active.stage,
          waitsFor: waitsFor(active),
          why: active.failure?.message ?? '',
          ...summarise(active.plan),
        }
      },
      faults: (state) => [...state.faults],
      history: (state) => [...state.history],
    },

    writes: {
      boot: (state, message: Boot, context) => boot({ state, context, store }, message),
      // The result of a change that is carried out is a deferred reply.
      change: (state, request: ChangeRequest, context) =>
        submit({ state, context, store }, checkedChange(request)) as ChangeResult,
      undo: (state, request: { dryRun?: boolean } | null, context) =>
        undo({ state, context, store }, request?.dryRun === true) as ChangeResult,
      registerPlugin: (state, plugin: Plugin) => {
        guarded('registerPlugin', () => transformationOf(store, plugin.code))
        state.plugins.set(plugin.name, plugin)
        return true
      },

      ...fromBox({
        resolve: (state: ControllerState, miss: Resolve, context: Context) => answer({ state, context, store }, miss),
        locate: (state: ControllerState, message: { id: string; place: Place }, context: Context) => {
          const found = physicalAt(state.deployment, message.id)
          context.tell(hostId(message.place), 'located', {
            id: message.id,
            ...(found !== undefined && found.status !== 'lost' && { place: found.place }),
          })
        },
        join: (state: ControllerState, message: { token: number; place: Place }, context: Context) => {
          const id = `client:${state.nextClient++}`
          const serial = state.deployment.nextSerial
          const clients = new Map(state.deployment.clients).set(id, {
            id,
            serial,
            place: message.place,
            status: 'running',
          })
          state.deployment = { ...state.deployment, clients, nextSerial: serial + 1 }
          context.tell(hostId(message.place), 'joined', { token: message.token, id, serial })
        },
        leave: (state: ControllerState, message: { id: string }, context: Context) =>
          leave({ state, context, store }, message.id),
        spawned: (state: ControllerState, message: { ticket: number; error?: ErrorBody }, context: Context) => {
          const desk = { state, context, store }
          spawned(desk, message)
          goOn(desk)
        },
        ack: (state: ControllerState, ack: AckMessage, context: Context) => {
          if (state.active?.number !== ack.plan) return
          acknowledge(state.active, ack)
          goOn({ state, context, store })
        },
        drained: (state: ControllerState, report: DrainedMessage, context: Context) => {
          if (state.active?.number !== report.plan) return
          drained(state.active, report)
          goOn({ state, context, store })
        },
        fault: (state: ControllerState, fault: Omit<Fault, 'atMs'>, context: Context) =>
          addFault({ state, context, store }, { ...fault, atMs: context.now }),
        faulty: (state: ControllerState, message: { id: string; message: string }, context: Context) => {
          const desk = { state, context, store }
          const agent = state.deployment.agents.get(message.id)
          if (agent === undefined) return
          const agents = new Map(state.deployment.agents).set(agent.id, { ...agent, status: 'faulty' })
          state.deployment = { ...state.deployment, agents }
          const { id, place } = agent
          addFault(desk, { id, place, code: 'agent-faulty', message: message.message, atMs: context.now })
          if (state.active !== undefined) agentFailed(state.active, id)
          goOn(desk)
        },
        threadUp: (state: ControllerState, message: { place: Place }, context: Context) =>
          threadUp({ state, context, store }, message.place),
        threadLost: (state: ControllerState, message: { place: Place; reason: string }, context: Context) => {
          const desk = { state, context, store }
          threadLost(desk, message.place, message.reason)
          goOn(desk)
        },
        doubt: (state: ControllerState, message: DoubtMessage, context: Context) => {
          for (const place of alivePlaces(state)) context.tell(hostId(place), 'doubt', message)
        },
      }),
    },

    timers: {
      tick: (state, _data, context) => goOn({ state, context, store }),
    },
  })
}

export type ControllerDefinition = ReturnType<typeof controllerDefinition>
