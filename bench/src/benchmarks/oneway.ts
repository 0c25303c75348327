import { nactDispatch } from '../baselines/nact.js'
import { postMessageTell } from '../baselines/post-message.js'
import { type Benchmark, compare } from '../benchmark.js'
import { storeSide } from '../store-box.js'

/** Few more than the window of a channel, so that flow control is part of what is measured. */
const SIZE = 4000
const BATCHES = 20

export const onewayThread: Benchmark = {
  name: 'oneway-thread',
  run: async (options) => [
    await compare(
      {
        name: 'oneway-thread',
        what: 'one-way messages on one thread, in confirmed batches; a sample is the mean time of a message',
        goal: 'throughput at least 5 × nact dispatch (aim 20 ×)',
        subject: await storeSide('oneway-thread', { threads: 1 }, 'tell', { batches: BATCHES, size: SIZE }),
        baselines: [nactDispatch(BATCHES / 4, SIZE)],
      },
      options,
    ),
  ],
}

export const onewayThreads: Benchmark = {
  name: 'oneway-threads',
  run: async (options) => [
    await compare(
      {
        name: 'oneway-threads',
        what: 'one-way messages to another thread, in confirmed batches; a sample is the mean time of a message',
        goal: 'throughput at least 2 × postMessage (aim 5 ×)',
        subject: await storeSide('oneway-threads', { threads: 2, thread: 2 }, 'tell', { batches: BATCHES, size: SIZE }),
        baselines: [postMessageTell(BATCHES, SIZE)],
      },
      options,
    ),
  ],
}
