import { bold } from './demo/screen.js'
import { Tour } from './demo/tour.js'

/*
 * A tour without questions: a store under load is sharded, resharded, moved, upgraded and unsharded, while readers and
 * writers go on and count. Exits 0 if nothing was lost, doubled or reordered.
 */
console.log(bold('A key-value store, changed while it works'))
const tour = await Tour.begin()
try {
  await tour.load()
  const latency = await tour.measure()
  await tour.startLoad()
  const shard = (shards: number) => ({ verb: 'transform', id: 'KVS', plugin: 'shard', options: { shards } }) as const
  await tour.change('transform KVS shard shards=2', shard(2))
  await tour.change('transform KVS shard shards=5', shard(5))
  await tour.change('transform KVS shard shards=3', shard(3))
  await tour.change('move KVS/Shard2 main/3', { verb: 'move', id: 'KVS/Shard2', place: 'main/3' })
  await tour.upgrade('upgrade KVS kvs-v2.ts: every entry is migrated')
  await tour.change('untransform KVS', { verb: 'untransform', id: 'KVS' })
  const { operations, lost, doubled, reordered, problems } = await tour.conclude(latency)
  Tour.verdict(problems)
  console.log(`demo: operations ${operations}, lost ${lost}, doubled ${doubled}, reordered ${reordered}`)
  process.exitCode = lost + doubled + reordered + problems.length === 0 ? 0 : 1
} finally {
  await tour.end()
}
