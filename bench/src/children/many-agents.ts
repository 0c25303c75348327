import { connect, startBox } from '@ovid/runtime'
import { timeEach } from '../samples.js'

/*
 * Starts a box with as many agents as the first argument says, and prints what that took. Then calls some of them, all
 * over, twice: the first call has to find the way, the second knows it.
 */
const agents = Number(process.argv[2])
const CALLS = 2000

const began = performance.now()
const system = new URL(`../systems/many.ts?agents=${agents}`, import.meta.url).href
const box = await startBox({ system, threads: 2 })
const startMs = performance.now() - began
const client = await connect(box)
const nameAt = (index: number) => `Counter${(index * 7919) % agents}`
const increment = (index: number) => client.call(nameAt(index), 'increment', { by: 1 })
const first = await timeEach(Math.min(CALLS, agents), increment)
const known = await timeEach(CALLS, (index) => increment(index % Math.min(CALLS, agents)))
const { rss } = process.memoryUsage()
const peak = process.resourceUsage().maxRSS * 1024
await client.close()
await box.stop()
const plain = (round: typeof first) => ({ ...round, samplesUs: [...round.samplesUs] })
process.stdout.write(`${JSON.stringify({ startMs, rss, peak, first: plain(first), known: plain(known) })}\n`)
