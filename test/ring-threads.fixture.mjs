import { Mesh } from '../runtime/dist/edge/thread/mesh.js'

/**
 * Sends `count` messages of many sizes over `link` while it receives as many, and checks that those arrive in order and as they were.
 *
 * @param {{ link: import('../runtime/dist/edge/thread/mesh.js').MeshLink, count: number, seed: number, largest: number }} options
 * @returns {Promise<{ received: number, wakes: number, mostPending: number }>}
 */
export function flood({ link, count, seed, largest }) {
  return new Promise((resolve, reject) => {
    const report = { received: 0, wakes: 0, mostPending: 0 }
    let sent = 0
    const mesh = new Mesh({
      onWake: () => {
        report.wakes++
        turn()
      },
      onBroken: (_, error) => reject(error),
    })
    mesh.attach(link)

    function turn() {
      const isDone = () => report.received === count && sent === count && mesh.pending() === 0
      // Until nothing moves; `idle` then says whether that is so for good. The last thing to move may have waited for room.
      while (!isDone()) {
        const moved = mesh.receive(check, 100) + sendSome()
        if (moved === 0 && !isDone() && mesh.idle()) return
      }
      mesh.close()
      resolve(report)
    }

    /** @param {import('../runtime/dist/message/envelope.js').Message} message */
    function check(message) {
      const expected = bodyOf(seed, ++report.received, largest)
      const body = /** @type {Uint8Array} */ (message.body)
      const isRight = message.sequence === report.received && Buffer.compare(body, expected) === 0
      if (!isRight) reject(new Error(`message ${report.received}: sequence ${message.sequence}, ${body.length} bytes`))
    }

    function sendSome() {
      const before = sent
      while (sent < count && sent - before < 100 && mesh.pending() < 20) {
        sent++
        mesh.send(link.peer, messageOf(sent, bodyOf(seed, sent, largest)))
      }
      report.mostPending = Math.max(report.mostPending, mesh.pending())
      return sent - before
    }

    turn()
  })
}

/**
 * Small but for every 1000th, which is larger than a ring. Both ends compute the same from the same numbers.
 *
 * @param {number} seed
 * @param {number} index
 * @param {number} largest
 */
function bodyOf(seed, index, largest) {
  const random = Math.imul((seed ^ index) + 0x9e3779b9, 0x85ebca6b) >>> 8
  const length = index % 1000 === 500 ? largest - (random % 200) : random % 200
  return new Uint8Array(length).fill(random & 255)
}

/**
 * @param {number} sequence
 * @param {unknown} body
 * @returns {import('../runtime/dist/message/envelope.js').Message}
 */
function messageOf(sequence, body) {
  const names = { from: 'A', to: 'B', name: 'B', origin: 'main/1', as: '', type: 'note' }
  return { kind: 'tell', lane: 'data', incarnation: 1, correlation: 0, path: [], ...names, sequence, body }
}
