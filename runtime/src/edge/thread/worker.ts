import { threadId } from 'node:worker_threads'
import * as Comlink from 'comlink'
import { ModuleStore } from '../module-store.js'
import { mortalEndpoint, type ThreadControl, type WorkerTask } from './control.js'
import { ThreadLoop } from './loop.js'

// The pool tries `require` before `import`, and where that works (under tsx, which compiles to CommonJS) this thread would
// have two copies of the runtime: its own, and the one agents import, whose errors it does not know. A module that awaits
// cannot be required.
await Promise.resolve()

/** The one task of a worker thread: it ends when the box stops. */
export default async function work(task: WorkerTask): Promise<void> {
  const { place, controller, development, control } = task
  const loop = new ThreadLoop({
    place,
    controller,
    development,
    store: new ModuleStore(),
    onBroken: (peer, error) =>
      loop.host.lookout.fault(
        loop.host.id,
        'malformed',
        `from thread ${peer}: ${error instanceof Error ? error.message : String(error)}`,
      ),
  })
  await new Promise<void>((resolve) => {
    const threadControl: ThreadControl = {
      attach: (link) => loop.attach(link),
      detach: (peer) => void loop.mesh.detach(peer),
      statistics: () => ({ ...loop.statistics(), heapBytes: process.memoryUsage().heapUsed }),
      workerId: () => threadId,
      stop: async () => {
        await loop.stop()
        // Later than the reply to this call, which has to leave first.
        setImmediate(resolve)
      },
    }
    Comlink.expose(threadControl, mortalEndpoint(control))
    loop.turn()
  })
  control.close()
}
