import type { Session } from './session.js'
import { duration } from './text.js'
import { listed } from './words.js'

/** What ends sooner needs no word about how far it is. */
const QUIET_MS = 400
const REFRESH_MS = 250

/** Says how far a long command is, on one line that is written over. Returns what takes the line away. */
export function showProgress(session: Session, stream: NodeJS.WritableStream): () => void {
  const startMs = performance.now()
  let shown = false
  let over = false
  const write = (text: string) => {
    if (over) return
    shown = true
    stream.write(`\r\u001b[K${text}`)
  }
  const refresh = async () => {
    const elapsed = duration(Math.round(performance.now() - startMs))
    const plan = await session.controller.plan().catch(() => undefined)
    const waits = plan === undefined || plan.waitsFor.length === 0 ? '' : `, waits for ${listed(plan.waitsFor, 3)}`
    write(plan === undefined ? `… ${elapsed} (Ctrl-C stops waiting)` : `… ${elapsed}, stage ${plan.stage}${waits}`)
  }
  let timer = setTimeout(function again() {
    void refresh().then(() => {
      if (!over) timer = setTimeout(again, REFRESH_MS)
    })
  }, QUIET_MS)
  return () => {
    over = true
    clearTimeout(timer)
    if (shown) stream.write('\r\u001b[K')
  }
}
