import { type AgentImage, defineTransformation, mergeImages, splitImage, type Target } from '@ovid/runtime'
import { z } from 'zod'
import { egress, ingress } from './proxies.js'
import { ownerTable, saltOf, slotOf } from './slots.js'

const options = z.strictObject({ shards: z.int().min(1).max(1024) })

const shardName = (owner: number) => `Shard${owner + 1}`
const names = (shards: number) => Array.from({ length: shards }, (_, owner) => shardName(owner))

function partitionOf(target: Target) {
  const { partition } = target.agent
  if (partition === undefined) throw new Error(`${target.id} has no partition`)
  return partition
}

function divide(target: Target, shards: number, image: AgentImage): Record<string, AgentImage> {
  const table = ownerTable(shards)
  const salt = saltOf(target.id)
  const parts = splitImage(partitionOf(target), image, (key) => table[slotOf(key, salt)] as number, shards)
  return Object.fromEntries(parts.map((part, owner) => [shardName(owner), part]))
}

/**
 * Shards an agent: its keys are divided over `shards` copies of it (paper, section 2).
 *
 * Each client has an ingress proxy near it, which finds the owner of a message's key; each shard has an
 * egress proxy near it. Needs the agent to have `partition`.
 */
export const shard = defineTransformation({
  name: 'shard',
  version: '0.1.0',
  api: '^1.0.0',
  requires: ['partition'],
  options,
  describe: { shards: 'number of shards, 1 to 1024' },
  guarantees: () => ({
    gains: ['messages about different keys are handled in parallel'],
    loses: [],
  }),
  agents: { ingress, egress },
  expand: (target, { shards }) => ({
    children: names(shards).flatMap((name, owner) => [
      { name, agent: 'target', apart: 'shards' },
      { name: `ShardEgressProxy${owner + 1}`, agent: 'egress', params: { target: target.id }, near: name },
    ]),
    ingress: {
      name: 'ShardIngressProxy',
      agent: 'ingress',
      params: { target: target.id, shards, salt: saltOf(target.id) },
    },
    routes: Object.fromEntries(names(shards).map((name, owner) => [`ShardEgressProxy${owner + 1}`, name])),
  }),
  refine: (target, { shards }) => ({
    lift: (children) =>
      mergeImages(
        partitionOf(target),
        names(shards).flatMap((name) => children[name] ?? []),
      ),
    lower: (image) => divide(target, shards, image),
    rescale: (next) => ({
      divide: (_child, image) => divide(target, (next as z.infer<typeof options>).shards, image),
      combine: (_child, images) => mergeImages(partitionOf(target), [...images]),
    }),
  }),
})

export default shard
