import { Bench } from 'tinybench'
import { decodeMessage, encodeMessage, encodeMessageShared } from '../../../runtime/dist/edge/codec/message.js'
import { createRing, ringMemory } from '../../../runtime/dist/edge/ring/layout.js'
import { RingConsumer, RingProducer } from '../../../runtime/dist/edge/ring/ring.js'
import { type BaselineResult, type Benchmark, type Result, ratioTo } from '../benchmark.js'
import { keyAt, VALUE } from '../puts.js'
import type { Summary } from '../samples.js'

/*
 * The parts of a hop between threads, one by one. An operation is repeated within a sample: a single one takes less
 * time than it takes to read the clock.
 */
const REPEATS = 100

const put = {
  kind: 'request',
  lane: 'data',
  from: 'Driver',
  incarnation: 2,
  to: 'KVS',
  name: 'KVS',
  sequence: 12345,
  correlation: 2 ** 27 + 4,
  path: ['Driver'],
  origin: 'main/1',
  as: '',
  type: 'put',
  body: { key: keyAt(7), value: VALUE },
} as const

function repeated(operation: () => unknown): () => void {
  return () => {
    for (let number = 0; number < REPEATS; number++) operation()
  }
}

function ringPasses(): () => void {
  const memory = createRing(64 * 1024)
  const producer = new RingProducer(ringMemory(memory))
  const consumer = new RingConsumer(ringMemory(memory))
  const record = new Uint8Array(128)
  const take = (type: number) => type
  return () => {
    producer.offer(1, record)
    consumer.drain(take, 1)
  }
}

interface Part {
  readonly name: string
  readonly what: string
  readonly operation: () => unknown
  readonly against?: string
}

function parts(): Part[] {
  const encoded = encodeMessage(put)
  const text = JSON.stringify(put)
  return [
    {
      name: 'micro-ring',
      what: 'a record of 128 bytes put into a ring and taken out, on one thread',
      operation: ringPasses(),
    },
    { name: 'micro-json-encode', what: 'JSON.stringify of a PUT', operation: () => JSON.stringify(put) },
    {
      name: 'micro-encode',
      what: 'a PUT made bytes',
      operation: () => encodeMessageShared(put),
      against: 'micro-json-encode',
    },
    { name: 'micro-json-decode', what: 'JSON.parse of a PUT', operation: () => JSON.parse(text) },
    {
      name: 'micro-decode',
      what: 'bytes made a PUT',
      operation: () => decodeMessage(encoded),
      against: 'micro-json-decode',
    },
    { name: 'micro-structured-clone', what: 'structuredClone of a PUT', operation: () => structuredClone(put) },
  ]
}

async function measure({ name, operation }: Part, time: number): Promise<Summary> {
  const bench = new Bench({ time, warmupTime: time / 4 })
  bench.add(name, repeated(operation))
  const [task] = await bench.run()
  const result = task?.result
  if (result?.state !== 'completed') throw new Error(`${name} did not complete: ${result?.state}`)
  const { p50, p99, max, samplesCount } = result.latency
  const us = (ms: number) => (ms * 1000) / REPEATS
  return {
    p50Us: us(p50),
    p99Us: us(p99),
    maxUs: us(max),
    count: samplesCount * REPEATS,
    perSecond: result.throughput.mean * REPEATS,
  }
}

export const micro: Benchmark = {
  name: 'micro',
  run: async ({ quick }) => {
    const results: Result[] = []
    for (const part of parts()) {
      const summary = await measure(part, quick ? 100 : 500)
      const other = results.find((result) => result.name === part.against)
      const baselines: BaselineResult[] =
        other === undefined ? [] : [ratioTo(summary, other.name.replace('micro-json-', 'JSON '), other)]
      results.push({ name: part.name, what: part.what, ...summary, baselines })
    }
    return results
  },
}
