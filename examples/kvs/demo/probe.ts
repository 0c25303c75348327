import { createHistogram } from 'node:perf_hooks'
import { defineGateway } from '@ovid/runtime'
import type { kvs } from '../kvs.js'

/** Microseconds. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly count: number
}

/** Measures how long a call takes from the thread it stands on: one after the other. */
export const probe = defineGateway({
  kind: 'probe',
  start: (gateway) => {
    const store = gateway.agent<typeof kvs>('KVS')
    const timed = async (key: string, count: number) => {
      const histogram = createHistogram()
      for (let index = 0; index < count; index++) {
        const began = process.hrtime.bigint()
        await store.get({ key })
        histogram.record(process.hrtime.bigint() - began + 1n)
      }
      return histogram
    }
    return {
      handlers: {
        measure: async ({ key, count }: { key: string; count: number }): Promise<Latency> => {
          await timed(key, Math.ceil(count / 4))
          const histogram = await timed(key, count)
          return {
            p50: histogram.percentile(50) / 1000,
            p99: histogram.percentile(99) / 1000,
            max: histogram.max / 1000,
            count,
          }
        },
      },
    }
  },
})
