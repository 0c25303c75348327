import { postMessageValue } from '../baselines/post-message.js'
import { type Benchmark, ratioTo } from '../benchmark.js'
import { keyOf, VALUE } from '../puts.js'
import { type Round, summarise } from '../samples.js'
import { StoreBox } from '../store-box.js'

const ENTRY_BYTES = 11 + VALUE.length
const MIB = 2 ** 20

function stateOf(entries: number): Map<string, string> {
  return new Map(Array.from({ length: entries }, (_, index) => [keyOf(index), `${VALUE}${index}`]))
}

/** Shards a store of this size in two and takes it back, again and again, while its driver goes on writing. */
async function measurePauses(
  entries: number,
  changes: number,
): Promise<{ round: Round; longestUs: number; movedBytes: number }> {
  const opened = await StoreBox.open({ threads: 2, thread: 2 })
  const controller = opened.box.controller(opened.client)
  await opened.drive('fill', { entries })
  const samplesUs = new Float64Array(changes * 2)
  const change = async (sample: number, shards: boolean) => {
    const result = await controller.change(
      shards
        ? { verb: 'transform', id: 'KVS', plugin: 'shard', options: { shards: 2 } }
        : { verb: 'untransform', id: 'KVS' },
    )
    if (sample >= 0) samplesUs[sample] = (result?.pauseMs ?? 0) * 1000
    return result?.movedBytes ?? 0
  }
  try {
    await change(-1, true)
    await change(-1, false)
    await opened.drive('beginLoad', null)
    const began = performance.now()
    let movedBytes = 0
    for (let number = 0; number < changes; number++) {
      movedBytes += await change(2 * number, true)
      movedBytes += await change(2 * number + 1, false)
    }
    const elapsedMs = performance.now() - began
    const longestUs = (await opened.drive('endLoad', null)) as number
    return {
      round: { samplesUs, count: samplesUs.length, elapsedMs },
      longestUs,
      movedBytes: movedBytes / samplesUs.length,
    }
  } finally {
    await opened.close()
  }
}

async function measureCopy(entries: number, count: number): Promise<Round> {
  const copy = postMessageValue(stateOf(entries), count)
  try {
    await copy.round()
    return await copy.round()
  } finally {
    await copy.close()
  }
}

export const pause1MiB: Benchmark = {
  name: 'pause-1MiB',
  run: async ({ quick }) => {
    const entries = Math.round(MIB / ENTRY_BYTES)
    const { round, longestUs, movedBytes } = await measurePauses(entries, quick ? 5 : 30)
    const summary = summarise([round])
    const copied = summarise([await measureCopy(entries, quick ? 5 : 30)])
    return [
      {
        name: 'pause-1MiB',
        what: `pauses of shard(2) and its removal, live, of a store of ${entries} entries of ${ENTRY_BYTES} bytes`,
        goal: 'p99 at most 50 ms (aim 5 ms)',
        ...summary,
        baselines: [ratioTo(summary, 'postMessage of that state', copied)],
        figures: { 'longest PUT meanwhile, ms': longestUs / 1000, 'bytes that crossed threads, mean': movedBytes },
      },
    ]
  },
}
