/*
 * A tour of what Ovid is for: a key-value store, written as one simple agent, is sharded, resharded, moved,
 * upgraded and unsharded while clients read and write. Ends with exit code 0 only if nothing was lost,
 * doubled or reordered.
 */
import { fileURLToPath } from 'node:url'
import { type Box, type Client, connect, lattTree, printTree, startBox } from '@ovid/runtime'
import words from 'an-array-of-english-words' with { type: 'json' }
import { type Count, clientDoor, missingWords, Reader, respDoor, storeWords, Writer } from './demo/load.js'
import type { Latency } from './demo/probe.js'
import type { kvs } from './kvs.js'

type Change = Parameters<ReturnType<Box['controller']>['change']>[0]

/** How long the load runs on after a change before the next, ms. */
const BETWEEN_MS = 300
const CALLS = 5000

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const say = (text = '') => console.log(text)
const title = (text: string) => say(`\n── ${text} ${'─'.repeat(Math.max(0, 76 - text.length))}`)
const bytes = (count: number) => (count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function showLatt(box: Box, client: Client): Promise<void> {
  const controller = box.controller(client)
  const { latt, name } = await controller.latt()
  const places = new Map((await controller.agents()).map((agent) => [agent.id, agent.place]))
  say(printTree(lattTree(latt, name, (node) => places.get(node.id) ?? '')))
}

async function change(box: Box, client: Client, what: string, request: Change): Promise<void> {
  title(what)
  const result = await box.controller(client).change(request)
  await showLatt(box, client)
  say(`pause ${result.pauseMs.toFixed(1)} ms, moved ${bytes(result.movedBytes)}, epoch ${result.epoch}`)
  await pause(BETWEEN_MS)
}

async function measure(client: Client, probe: string): Promise<Latency> {
  return (await client.call(probe, 'measure', { key: words[0], count: CALLS })) as Latency
}

/** The changes of the tour, one after the other, with the load going on. */
async function tour(box: Box, client: Client): Promise<void> {
  const shard = (shards: number): Change => ({ verb: 'transform', id: 'KVS', plugin: 'shard', options: { shards } })
  await change(box, client, 'transform KVS shard shards=2', shard(2))
  await change(box, client, 'transform KVS shard shards=5', shard(5))
  await change(box, client, 'transform KVS shard shards=3', shard(3))
  const agents = await box.controller(client).agents()
  const place = agents.find((agent) => agent.id === 'KVS/Shard2')?.place === 'demo/1' ? 'demo/2' : 'demo/1'
  await change(box, client, `move KVS/Shard2 ${place}`, { verb: 'move', id: 'KVS/Shard2', place })
  const next = await box.loadUpgrade(path('kvs-v2.ts'), 'kvs')
  await change(box, client, 'upgrade KVS to version 2: every entry is migrated', {
    verb: 'upgrade',
    id: 'KVS',
    ...next,
  })
  await change(box, client, 'untransform KVS', { verb: 'untransform', id: 'KVS' })
}

function printResults(
  counts: ReadonlyMap<string, Count>,
  reads: number,
  wrong: number,
  latencies: ReadonlyMap<string, Latency>,
): Count {
  title('What the clients saw')
  const total = { operations: reads, lost: 0, doubled: 0, reordered: 0 }
  say(
    `${''.padEnd(36)}${'operations'.padStart(12)}${'lost'.padStart(8)}${'doubled'.padStart(10)}${'reordered'.padStart(12)}`,
  )
  for (const [name, count] of counts) {
    say(
      `${name.padEnd(36)}${String(count.operations).padStart(12)}${String(count.lost).padStart(8)}${String(count.doubled).padStart(10)}${String(count.reordered).padStart(12)}`,
    )
    total.operations += count.operations
    total.lost += count.lost
    total.doubled += count.doubled
    total.reordered += count.reordered
  }
  say(`${'reads of words'.padEnd(36)}${String(reads).padStart(12)}   ${wrong} wrong`)
  say()
  for (const [name, { p50, p99, max }] of latencies) {
    say(
      `${name.padEnd(36)}p50 ${p50.toFixed(1).padStart(7)} µs   p99 ${p99.toFixed(1).padStart(7)} µs   max ${max.toFixed(0).padStart(6)} µs`,
    )
  }
  return total
}

async function main(): Promise<boolean> {
  const began = performance.now()
  const box = await startBox({ system: path('demo/system.ts'), name: 'demo', threads: 2 })
  const client = await connect(box)
  const { port } = (await client.call('Redis', 'address')) as { port: number }
  title('A key-value store: one simple agent, and a gateway that speaks the Redis protocol')
  await showLatt(box, client)

  title(`Loading ${words.length} words through port ${port}`)
  const loading = performance.now()
  await storeWords(port, words)
  say(`${((performance.now() - loading) / 1000).toFixed(1)} s`)
  const latencies = new Map([
    ['get, same thread', await measure(client, 'NearProbe')],
    ['get, across threads', await measure(client, 'FarProbe')],
  ])

  const doors = {
    'writer, client API': clientDoor(client.agent<typeof kvs>('KVS')),
    'writer 1, Redis protocol': respDoor(port),
    'writer 2, Redis protocol': respDoor(port),
  }
  const readDoor = respDoor(port)
  const writers = new Map(
    Object.entries(doors).map(([name, door]) => [name, new Writer(name.replaceAll(/\W+/g, '-'), door)]),
  )
  const reader = new Reader(readDoor, words)
  await tour(box, client)

  await reader.stop()
  const counts = new Map<string, Count>()
  for (const writer of writers.values()) await writer.stop()
  for (const [name, writer] of writers) counts.set(name, await writer.check())
  const missing = await missingWords(port, words)
  const faults = await box.controller(client).faults()
  const total = printResults(counts, reader.operations, reader.wrong, latencies)
  for (const fault of faults) say(`FAULT ${fault.id}: ${fault.code}: ${fault.message}`)
  say(`\nall ${words.length} words read back: ${missing} missing or wrong`)
  for (const door of [...Object.values(doors), readDoor]) await door.close()
  await client.close()
  await box.stop()
  const lost = total.lost + missing + reader.wrong
  say(`${((performance.now() - began) / 1000).toFixed(1)} s in all`)
  say(`demo: operations ${total.operations}, lost ${lost}, doubled ${total.doubled}, reordered ${total.reordered}`)
  return lost === 0 && total.doubled === 0 && total.reordered === 0 && faults.length === 0
}

process.exitCode = (await main()) ? 0 : 1
