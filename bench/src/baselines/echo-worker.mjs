// The store without a framework: what a message across threads costs by postMessage.
// JavaScript, because Node loads the first module of a thread by itself.
import { parentPort } from 'node:worker_threads'

const entries = new Map()
let added = 0

parentPort?.on('message', (message) => {
  switch (message.type) {
    case 'put':
      entries.set(message.key, message.value)
      parentPort?.postMessage({ id: message.id, ok: true })
      break
    case 'add':
      added++
      break
    default:
      parentPort?.postMessage({ id: message.id, added })
  }
})
