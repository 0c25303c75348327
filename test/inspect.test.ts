import { fileURLToPath } from 'node:url'
import { connect, startBox } from '@ovid/runtime'
import { expect, it } from 'vitest'

const system = fileURLToPath(new URL('../examples/kvs/system.ts', import.meta.url))
const KEYS = 500
const CHANGES = 40

it('an agent that is looked at while it is resharded shows all it holds', async () => {
  process.env.OVID_RESP_PORT = '0'
  const box = await startBox({ system, threads: 2 })
  const client = await connect(box)
  for (let key = 0; key < KEYS; key++) await client.call('KVS', 'put', { key: `${key}`, value: 'x' })
  let going = true
  const changes = (async () => {
    for (let change = 0; change < CHANGES; change++) {
      const shards = change % 2 === 0 ? 5 : 2
      await box.controller(client).change({ verb: 'transform', id: 'KVS', plugin: 'shard', options: { shards } })
    }
    going = false
  })()
  let looks = 0
  for (; going; looks++) {
    const { state } = await box.inspect(client, 'KVS')
    expect((state as { entries: Map<string, unknown> }).entries.size).toBe(KEYS)
  }
  await changes
  expect(looks).toBeGreaterThan(0)
  await box.stop()
})
