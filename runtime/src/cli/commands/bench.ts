import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { Command, Given } from '../command.js'
import { optionNumber } from '../option-number.js'
import type { Session } from '../session.js'
import { duration } from '../text.js'
import { addressee, messageBody } from './messages.js'

interface Load {
  readonly id: string
  readonly type: string
  readonly body: unknown
  readonly seconds: number
  readonly concurrency: number
}

function loadOf(given: Given, target: { id: string; type: string }): Load {
  return {
    ...target,
    body: messageBody(given),
    seconds: optionNumber(given, 'seconds', { least: 0.1, most: 3600 }) ?? 3,
    concurrency: optionNumber(given, 'concurrency', { least: 1, most: 1000, whole: true }) ?? 1,
  }
}

/** Calls again and again until the time is over; latencies go to the histogram in ns. */
async function run(session: Session, load: Load): Promise<{ latencies: RecordableHistogram; tookMs: number }> {
  const latencies = createHistogram()
  const startMs = performance.now()
  const endMs = startMs + load.seconds * 1000
  const caller = async () => {
    while (!session.signal.aborted) {
      const sentMs = performance.now()
      if (sentMs >= endMs) return
      await session.client.call(load.id, load.type, load.body)
      latencies.record(Math.max(1, Math.round((performance.now() - sentMs) * 1e6)))
    }
  }
  // A call under way may take its time: whoever interrupts does not wait for it.
  const interrupted = new Promise<void>((resolve) =>
    session.signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  await Promise.race([Promise.all(Array.from({ length: load.concurrency }, caller)), interrupted])
  return { latencies, tookMs: performance.now() - startMs }
}

/** `bench ID MESSAGE {json} [seconds=N] [concurrency=N]` */
export const bench: Command = {
  name: 'bench',
  summary: 'Sends the same message again and again, and shows latency and throughput.',
  details: ['It ends at the first error. What the message does, it does many times.'],
  examples: ['bench KVS get {"key": "a"}', 'bench KVS put {"key": "a", "value": "1"} seconds=5 concurrency=64'],
  parameters: [
    { name: 'ID', kind: 'agent' },
    { name: 'MESSAGE', kind: 'message' },
    { name: 'JSON', kind: 'json', optional: true },
    {
      name: 'OPTIONS',
      kind: 'options',
      optional: true,
      options: { seconds: 'how long, 3 unless told', concurrency: 'calls under way at a time, 1 unless told' },
    },
  ],
  stopsItself: true,
  run: async (session, given) => {
    const load = loadOf(given, await addressee(session, given))
    const { latencies, tookMs } = await run(session, load)
    const ms = (ns: number) => ns / 1e6
    const data = {
      count: latencies.count,
      tookMs,
      perSecond: latencies.count / (tookMs / 1000),
      concurrency: load.concurrency,
      latencyMs: { p50: ms(latencies.percentile(50)), p99: ms(latencies.percentile(99)), max: ms(latencies.max) },
    }
    const { p50, p99, max } = data.latencyMs
    const speed = `${data.count} calls in ${duration(tookMs)}: ${Math.round(data.perSecond)} per second, ${load.concurrency} at a time`
    return { data, text: `${speed}\nlatency p50 ${duration(p50)}, p99 ${duration(p99)}, max ${duration(max)}` }
  },
}
