// One end of a mesh on a thread of its own: sends `count` messages of many sizes while it receives as many, and checks that they
// arrive in order and as they were.
import { parentPort, workerData } from 'node:worker_threads'
import { flood } from './ring-threads.fixture.mjs'

flood(workerData).then((report) => parentPort.postMessage(report))
