import { describe, expect, it } from 'vitest'
import type { ChangeRequest } from '../controller/state.js'
import type { Place } from '../message/envelope.js'
import { Scenario } from './scenario.fixture.js'

const PLACES: readonly Place[] = ['main/1', 'main/2', 'main/3', 'main/4', 'main/5']

function randomChange(scenario: Scenario, random: (below: number) => number): ChangeRequest {
  const copies = scenario.layout.filter(({ role }) => role === 'agent' || role === 'copy').map(({ id }) => id)
  const id = copies[random(copies.length)] as string
  switch (random(5)) {
    case 0:
      return { verb: 'untransform', id: 'LOG' }
    case 1:
    case 2:
      return { verb: 'move', id, place: PLACES[random(PLACES.length)] as Place }
    case 3:
      return {
        verb: 'transform',
        id: random(2) === 0 ? id : 'LOG',
        plugin: 'shard',
        options: { shards: 1 + random(3) },
      }
    default:
      return { verb: 'transform', id: 'LOG', plugin: 'shard', options: { shards: 1 + random(4) } }
  }
}

describe('whenever a thread ends', () => {
  it.each(Array.from({ length: 80 }, (_, index) => index + 1))(
    'everybody gets an answer, and what is left is in order, seed %i',
    (seed) => {
      const scenario = new Scenario(seed)
      const { random } = scenario.lab
      const rounds = 3 + random(6)
      for (let round = 0; round < rounds; round++) {
        const place = PLACES[random(PLACES.length)] as Place
        // Most rounds go well, so that there is something to lose.
        let countdown = random(3) === 0 ? random(400) : Number.POSITIVE_INFINITY
        const outcome = scenario.change(randomChange(scenario, random), () => {
          if (countdown-- === 0 && !scenario.lab.dead.has(place)) scenario.lab.crash(place)
        })
        const expected = ['plan-failed', 'agent-lost', 'no-such-place', 'not-transformed', 'agent-transformed']
        if (!outcome.ok) expect(expected, outcome.message).toContain(outcome.code)
        if (scenario.lab.dead.size > 2) break
      }
      scenario.expectNothingDoubled()
      scenario.expectNothingLeft()
      if (scenario.lab.dead.size === 0) scenario.expectNothingLost()
    },
  )
})
