import { defineProxy, OvidError } from '@ovid/runtime'
import { ownerTable, slotOf } from './slots.js'

/** Where a shard's ingress proxy finds the key of a message: the sharded agent's own `keyOf`. */
export interface IngressParams {
  readonly target: string
  readonly shards: number
  readonly salt: number
}

/**
 * Mimics the virtual agent to one client: sends each message to the egress proxy of the shard that owns its
 * key. It is off the return path: replies go straight back.
 */
export const ingress = defineProxy({
  kind: 'shard-ingress',
  init: ({ target, shards, salt }: IngressParams) => {
    const egress = Array.from({ length: shards }, (_, index) => `${target}/ShardEgressProxy${index + 1}`)
    return { target, salt, table: ownerTable(shards), egress }
  },
  pass: (state, message, context) => {
    const key = context.keyOf(message.body, message.type)
    if (key === undefined) {
      throw new OvidError(
        'no-key',
        `${state.target} is sharded, and ${message.type} is about no single key; send one message per key`,
      )
    }
    context.pass(state.egress[state.table[slotOf(key, state.salt)] as number] as string)
  },
})

/** Mimics the clients to one shard: passes everything on to the name that leads to its shard. */
export const egress = defineProxy({
  kind: 'shard-egress',
  init: ({ target }: { target: string }) => ({ target }),
  pass: (state, _message, context) => context.pass(state.target),
})
