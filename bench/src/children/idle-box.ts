import { StoreBox } from '../store-box.js'

/*
 * Works a box, leaves it alone, and prints how much processor time it takes doing nothing: µs in each interval.
 * Arguments: number of intervals, length of one in ms.
 */
const [intervals, intervalMs] = process.argv.slice(2).map(Number) as [number, number]
const SETTLE_MS = 500
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const opened = await StoreBox.open({ threads: 2, thread: 2 })
await opened.drive('putInTurn', { count: 2000 })
await pause(SETTLE_MS)
const usedUs: number[] = []
for (let number = 0; number < intervals; number++) {
  const before = process.cpuUsage()
  await pause(intervalMs)
  const { user, system } = process.cpuUsage(before)
  usedUs.push(user + system)
}
await opened.close()
process.stdout.write(`${JSON.stringify({ usedUs })}\n`)
