import { shard } from '@ovid/shard'
import { expect, it } from 'vitest'
import type { DeferredToken } from '../agent/context.js'
import { defineAgent } from '../agent/definition.js'
import { Lab } from './lab.fixture.js'

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

it('An answer finds who owns the question, though another has the id it was asked by, on the very thread of the answer', () => {
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
  lab.change(client, { verb: 'transform', id: 'A', plugin: 'shard', options: { shards: 1 } })
  const answers: unknown[] = []
  const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`)
  for (const key of keys) client.call('A', 'ask', { key }, (outcome) => answers.push(outcome))
  lab.settle()
  // All was asked by A/Shard1. Now half of it belongs to A/Shard2, and A/Shard1 is where B is.
  lab.change(client, { verb: 'transform', id: 'A', plugin: 'shard', options: { shards: 2 } })
  lab.change(client, { verb: 'move', id: 'A/Shard1', place: 'main/2' })
  lab.call(client, 'B', 'answer', null)
  lab.settle()
  expect(answers).toHaveLength(keys.length)
  for (const answer of answers) expect(answer).toMatchObject({ ok: true, value: { ok: true, value: 'answer' } })
})
