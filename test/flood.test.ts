import { describe, expect, it } from 'vitest'
import { withBox } from './plain-box.fixture.js'
import type { Flooder } from './plain-system.fixture.js'

/** Several times what may be under way, far less than all there is. */
const MOST_QUEUED = 8000

describe('agents on two threads that flood each other', () => {
  it.each([
    ['at rest', 100_000],
    ['while both are moved about', 20_000],
  ] as const)('both come to an end, with bounded queues: %s', (way, balls) =>
    withBox(async ({ box, client, controller }) => {
      const players = ['Left', 'Right'].map((name) => client.agent<Flooder>(name, { timeoutMs: 120_000 }))
      let playing = true
      const games = Promise.all(players.map((player) => player.begin({ count: balls }))).finally(() => {
        playing = false
      })
      let mostQueued = 0
      for (let turn = 0; playing; turn++) {
        const id = turn % 2 === 0 ? 'Left' : 'Right'
        const { place } = (await controller.layout({ id })).agents[0] ?? {}
        if (way !== 'at rest') {
          await controller.change({ verb: 'move', id, place: place === 'main/3' ? 'main/1' : 'main/3' })
        }
        const statistics = await box.statistics()
        mostQueued = Math.max(mostQueued, ...statistics.map(({ queued, pending }) => queued + pending))
      }
      expect(await games).toEqual([balls, balls])
      for (const player of players) {
        expect(await player.figures()).toEqual({ sent: balls, echoed: balls, caught: balls, wrong: 0 })
      }
      expect(mostQueued).toBeLessThan(MOST_QUEUED)
    }),
  )
})
