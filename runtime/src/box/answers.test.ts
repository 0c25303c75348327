import { shard } from '@ovid/shard'
import { expect, it } from 'vitest'
import type { DeferredToken } from '../agent/context.js'
import { defineAgent } from '../agent/definition.js'
import type { ControllerState } from '../controller/state.js'
import type { Message } from '../message/envelope.js'
import { Lab, type LabClient } from './lab.fixture.js'
import { CONTROLLER } from './protocol.js'

/** Replies when B has answered. */
const asker = defineAgent({
  kind: 'asker',
  init: () => ({}),
  writes: {
    ask: (_state, { key }: { key: string }, context) => {
      context.ask('B', 'question', { key }, { then: 'answered', data: context.defer() })
    },
  },
  replies: { answered: (_state, outcome, context) => context.reply(outcome.data as DeferredToken, outcome) },
  partition: {
    keyOf: (message: { key: string }) => message.key,
    split: (_state, _ownerOf, parts) => Array.from({ length: parts }, () => ({})),
    merge: () => ({}),
  },
})

/** Answers when it is told to. */
const answerer = defineAgent({
  kind: 'answerer',
  init: () => ({ owed: [] as DeferredToken[] }),
  writes: {
    question: (state, _message, context) => void state.owed.push(context.defer()),
    answer: (state, _message, context) => {
      for (const token of state.owed.splice(0)) context.reply(token, 'answer')
    },
  },
})

const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`)

/** A on its first thread, B on the second. */
function start(): { lab: Lab; client: LabClient } {
  const lab = new Lab({ threads: 3, seed: 1 })
  const agents = Object.entries({ A: asker, B: answerer }).map(([name, agent]) => ({
    name,
    form: 'agent' as const,
    code: lab.register(agent.kind, agent),
    kind: agent.kind,
    version: 1,
    place: name === 'A' ? 'main/1' : 'main/2',
  }))
  const plugin = { name: 'shard', version: '0.1.0', code: lab.registerTransformation(shard) }
  const client = lab.client()
  lab.boot(client, { name: 'answers', agents, plugins: [plugin], transformations: [] })
  return { lab, client }
}

function shards(lab: Lab, client: LabClient, count: number): void {
  lab.change(client, { verb: 'transform', id: 'A', plugin: 'shard', options: { shards: count } })
}

/** Has A ask about every key; what it replies is found in the result. */
function ask(lab: Lab, client: LabClient): unknown[] {
  const answers: unknown[] = []
  for (const key of keys) client.call('A', 'ask', { key }, (outcome) => answers.push(outcome))
  lab.settle()
  return answers
}

function expectAll(answers: readonly unknown[]): void {
  expect(answers).toHaveLength(keys.length)
  for (const answer of answers) expect(answer).toMatchObject({ ok: true, value: { ok: true, value: 'answer' } })
}

it('An answer finds who owns the question, though another has the id it was asked by, on the very thread of the answer', () => {
  const { lab, client } = start()
  shards(lab, client, 1)
  const answers = ask(lab, client)
  // All was asked by A/Shard1. Now half of it belongs to A/Shard2, and A/Shard1 is where B is.
  shards(lab, client, 2)
  lab.change(client, { verb: 'move', id: 'A/Shard1', place: 'main/2' })
  lab.call(client, 'B', 'answer', null)
  lab.settle()
  expectAll(answers)
})

it('An answer on its way to who owns the question finds the next owner, though the next has the same id', () => {
  const { lab, client } = start()
  const answers = ask(lab, client)
  shards(lab, client, 1)
  lab.change(client, { verb: 'move', id: 'A/Shard1', place: 'main/3' })
  // Asked on main/1, from where the answers go on to main/3: there they arrive when A/Shard1 is wedged.
  const onTheWay: Message[] = []
  lab.filter = (message, from) => {
    if (message.kind !== 'reply' || message.to !== 'A/Shard1' || from !== 'main/1') return [message]
    onTheWay.push(message)
    return []
  }
  lab.call(client, 'B', 'answer', null)
  lab.settle()
  expect(onTheWay).toHaveLength(keys.length)
  lab.filter = (message) => {
    const controller = lab.host('main/0').cells.get(CONTROLLER)?.state as ControllerState
    if (controller.active?.stage === 'carry') for (const late of onTheWay.splice(0)) lab.host('main/3').receive(late)
    return [message]
  }
  shards(lab, client, 2)
  lab.settle()
  expectAll(answers)
})
