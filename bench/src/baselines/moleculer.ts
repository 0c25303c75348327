import { ServiceBroker } from 'moleculer'
import type { Side } from '../benchmark.js'
import { keyAt, VALUE } from '../puts.js'
import { timeEach } from '../samples.js'

/** PUTs one after the other to a Moleculer service on the same thread. */
export async function moleculerLocal(count: number): Promise<Side> {
  const entries = new Map<string, string>()
  const broker = new ServiceBroker({ logger: false })
  broker.createService({
    name: 'kvs',
    actions: {
      put(context: { params: { key: string; value: string } }) {
        entries.set(context.params.key, context.params.value)
        return true
      },
    },
  })
  await broker.start()
  const put = (index: number) => broker.call('kvs.put', { key: keyAt(index), value: VALUE })
  return { name: 'Moleculer, local call', round: () => timeEach(count, put), close: () => broker.stop() }
}
