import { connect, startBox } from '@ovid/runtime'
import type { counter } from './counter.js'

const box = await startBox({ system: new URL('./system.ts', import.meta.url).href, threads: 2 })
const client = await connect(box)
const counts = client.agent<typeof counter>('COUNTER')

await counts.add({ name: 'a' })
await box.controller(client).change({ verb: 'transform', id: 'COUNTER', plugin: 'shard', options: { shards: 3 } })
console.log(await counts.add({ name: 'a' })) // 2: the next count, by whichever shard has the name now

await client.close()
await box.stop()
