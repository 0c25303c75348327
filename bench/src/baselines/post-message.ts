import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Side } from '../benchmark.js'
import { keyAt, VALUE } from '../puts.js'
import { timeBatches, timeEach } from '../samples.js'

function openWorker() {
  const worker = new Worker(new URL('./echo-worker.mjs', import.meta.url))
  let settle: (value: unknown) => void = () => {}
  worker.on('message', (reply) => settle(reply))
  const call = (message: unknown) =>
    new Promise((resolve) => {
      settle = resolve
      worker.postMessage(message)
    })
  const close = async () => {
    await Promise.all([once(worker, 'exit'), worker.terminate()])
  }
  return { worker, call, close }
}

/** PUTs one after the other to a Map on another thread, by postMessage. */
export function postMessagePut(count: number): Side {
  const { call, close } = openWorker()
  const put = (index: number) => call({ type: 'put', key: keyAt(index), value: VALUE, id: index })
  return { name: 'postMessage', round: () => timeEach(count, put), close }
}

/** Messages that want no answer, in batches, the end of each confirmed. */
export function postMessageTell(batches: number, size: number): Side {
  const { worker, call, close } = openWorker()
  const batch = (each: number) => {
    for (let index = 0; index < each; index++)
      worker.postMessage({ type: 'add', key: keyAt(index), value: VALUE, id: 0 })
    return call({ type: 'added', key: '', value: '', id: 1 })
  }
  return { name: 'postMessage', round: () => timeBatches(batches, size, batch), close }
}

/** A value to another thread, and a word back: what carrying a state costs at the least. */
export function postMessageValue(value: unknown, count: number): Side {
  const { call, close } = openWorker()
  return {
    name: 'postMessage of the same state',
    round: () => timeEach(count, () => call({ type: 'value', value })),
    close,
  }
}
