import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { createLink } from '../runtime/dist/edge/thread/mesh.js'
import { flood } from './ring-threads.fixture.mjs'

const seed = Date.now() % 2 ** 31
console.log(`ring-threads.test seed=${seed}`)

async function floodEachOther(count: number, largest: number): Promise<void> {
  const [mine, theirs] = createLink(0, 1, { dataBytes: 16 * 1024, controlBytes: 1024 })
  const worker = new Worker(new URL('./ring-threads.worker.mjs', import.meta.url), {
    workerData: { link: theirs, count, seed, largest },
    transferList: [theirs.doorbell],
  })
  const [here, [there]] = await Promise.all([flood({ link: mine, count, seed, largest }), once(worker, 'message')])
  await worker.terminate()
  console.log(`flood of ${count}, up to ${largest} bytes:`, here, there)
  expect([here.received, there.received]).toEqual([count, count])
}

test('two threads that flood each other both receive everything, in order', () => floodEachOther(150_000, 100_000))

test('a message of 40 MiB passes a ring of 16 KiB both ways', () => floodEachOther(2_000, 40 * 1024 * 1024))
