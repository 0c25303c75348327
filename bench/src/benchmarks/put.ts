import { moleculerLocal } from '../baselines/moleculer.js'
import { nactQuery } from '../baselines/nact.js'
import { postMessagePut } from '../baselines/post-message.js'
import { type Benchmark, compare, type Side } from '../benchmark.js'
import { StoreBox, storeSide } from '../store-box.js'

const COUNT = { thread: 20_000, threads: 4000 }

const oneThread = (name: string) => storeSide(name, { threads: 1 }, 'putInTurn', { count: COUNT.thread })
const twoThreads = (name: string) => storeSide(name, { threads: 2, thread: 2 }, 'putInTurn', { count: COUNT.threads })

export const putThread: Benchmark = {
  name: 'put-thread',
  run: async (options) => [
    await compare(
      {
        name: 'put-thread',
        what: 'PUTs one after the other, client and store on one thread',
        goal: 'latency at most 1.0 × Moleculer (aim 0.5 ×)',
        subject: await oneThread('put-thread'),
        baselines: [await moleculerLocal(COUNT.thread), nactQuery(COUNT.threads)],
      },
      options,
    ),
  ],
}

export const putThreads: Benchmark = {
  name: 'put-threads',
  run: async (options) => [
    await compare(
      {
        name: 'put-threads',
        what: 'PUTs one after the other, client and store on two threads of a box',
        goal: 'latency at most 0.6 × postMessage (aim 0.25 ×)',
        subject: await twoThreads('put-threads'),
        baselines: [postMessagePut(COUNT.threads)],
      },
      options,
    ),
  ],
}

/** A store in two shards that stand on thread 2, away from the driver and its ingress proxy. */
async function distantShards(): Promise<Side> {
  const opened = await StoreBox.open({ threads: 2, shards: 2 })
  const controller = opened.box.controller(opened.client)
  for (const { id, place } of await controller.agents()) {
    if (/^KVS\/Shard\d+$/.test(id) && place !== 'main/2') await controller.change({ verb: 'move', id, place: 'main/2' })
  }
  const round = () => opened.drive('putInTurn', { count: COUNT.threads })
  return { name: 'put-shard2-threads', round: round as Side['round'], close: () => opened.close() }
}

export const putShard2: Benchmark = {
  name: 'put-shard2',
  run: async (options) => [
    await compare(
      {
        name: 'put-shard2',
        what: 'PUTs through shard(2), client, proxies and shards on one thread',
        goal: 'latency at most 1.5 × put-thread (aim 1.15 ×)',
        subject: await storeSide('put-shard2', { threads: 1, shards: 2 }, 'putInTurn', { count: COUNT.thread }),
        baselines: [await oneThread('put-thread')],
      },
      options,
    ),
    await compare(
      {
        name: 'put-shard2-threads',
        what: 'PUTs through shard(2), client and ingress proxy on one thread, egress proxies and shards on another',
        goal: 'latency at most 1.5 × put-threads (aim 1.15 ×)',
        subject: await distantShards(),
        baselines: [await twoThreads('put-threads')],
      },
      options,
    ),
  ],
}
