import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What a thread holds after its garbage is collected. */
export interface Resources {
  readonly heapBytes: number
  /** Handles and requests that are open, by kind. */
  readonly handles: Readonly<Record<string, number>>
}

let collect: (() => void) | undefined

function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
}

/** Measures the thread it is called on. */
export async function resources(): Promise<Resources> {
  collectGarbage()
  // What finalizers let go of in one collection is collected in the next.
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  const handles: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) {
    // Timers and immediates come and go with what is due next.
    if (kind !== 'Timeout' && kind !== 'Immediate') handles[kind] = (handles[kind] ?? 0) + 1
  }
  return { heapBytes: process.memoryUsage().heapUsed, handles }
}
