import { describe, expect, it } from 'vitest'
import { storm } from './storm/storm.js'

describe('a short storm', () => {
  it('of 60 changes under load from 8 clients loses, doubles and reorders nothing, and leaves nothing behind', async () => {
    const steps: string[] = []
    const result = await storm({ count: 60, seed: 20, onStep: (_, step) => steps.push(step) })
    expect(result.problems, steps.join('\n')).toEqual([])
    expect(result).toMatchObject({ reconfigurations: 60, lost: 0, doubled: 0, reordered: 0 })
    expect(result.operations).toBeGreaterThan(1000)
    expect([...result.kinds.keys()].sort()).toEqual(['move', 'transform', 'undo', 'untransform', 'upgrade'])
  })
})
