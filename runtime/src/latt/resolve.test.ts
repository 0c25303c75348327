import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defineAgent, defineProxy } from '../agent/definition.js'
import { type CodeRef, type CodeStore, codeKey } from './code.js'
import {
  applyTransformation,
  findNode,
  type LattNode,
  leaves,
  replaceNode,
  resolve,
  walk,
  withIngress,
} from './latt.js'
import { childTowards, clientSegment, isUnder, isWithin, join, parentOf, ROOT, visibleSender } from './path.js'
import { defineTransformation, type Transformation } from './transformation.js'

const leaf = defineAgent({ kind: 'leaf', init: () => ({}) })
const proxy = defineProxy({ kind: 'proxy', init: () => ({}), pass: () => {} })
const anything = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) => ({ value: value as { parts: number } }),
  },
}

/** Shaped like shard: copies, an egress proxy each, an ingress proxy per client. */
const spread = defineTransformation({
  name: 'spread',
  version: '1.0.0',
  api: '^1.0.0',
  options: anything,
  agents: { in: proxy, out: proxy },
  expand: (_target, { parts }) => ({
    children: Array.from({ length: parts }, (_, index) => [
      { name: `Part${index + 1}`, agent: 'target' },
      { name: `Out${index + 1}`, agent: 'out', near: `Part${index + 1}` },
    ]).flat(),
    ingress: { name: 'In', agent: 'in' },
    routes: Object.fromEntries(Array.from({ length: parts }, (_, index) => [`Out${index + 1}`, `Part${index + 1}`])),
  }),
  refine: () => ({ lift: () => Object.assign({} as never), lower: () => ({}) }),
})

const leafCode: CodeRef = { module: 'leaf', pick: [] }
const spreadCode: CodeRef = { module: 'spread', pick: [] }
const store: CodeStore = {
  get: (code) => ({ [codeKey(leafCode)]: leaf, [codeKey(spreadCode)]: spread as Transformation })[codeKey(code)],
}

function system(names: readonly string[]): LattNode {
  const children = names.map(
    (id): LattNode => ({ id, role: 'agent', self: id, code: leafCode, kind: 'leaf', version: 1, children: [] }),
  )
  return { id: ROOT, role: 'system', self: ROOT, code: leafCode, kind: 'system', version: 1, children }
}

/** A random LATT: leaves of random choice are transformed, some clients have their ingress proxies. */
const latts = fc
  .array(fc.record({ pick: fc.nat(), parts: fc.integer({ min: 1, max: 3 }), client: fc.nat() }), { maxLength: 7 })
  .map((steps) => {
    let latt = system(['A', 'B', 'C'])
    for (const { pick, parts, client } of steps) {
      const targets = [...walk(latt)]
        .filter((node) => node.role === 'agent' || node.role === 'copy')
        .filter((node) => node.applied === undefined)
      const target = targets[pick % targets.length] as LattNode
      latt = replaceNode(latt, applyTransformation(target, { name: 'spread', code: spreadCode }, { parts }, store))
      const outside = leaves(latt).filter((each) => !isWithin(each.id, target.id))
      const source = outside[client % outside.length]
      const node = findNode(latt, target.id) as LattNode
      if (source !== undefined) latt = replaceNode(latt, withIngress(node, source.id, store))
    }
    return latt
  })

/** Resolves as the controller does: proxies that are missing are made. */
function resolveFully(latt: LattNode, source: string, name: string): { id: string; latt: LattNode } | undefined {
  for (;;) {
    const found = resolve(latt, source, name)
    if (found.found === 'unknown') return undefined
    if (found.found === 'agent') return { id: found.id, latt }
    latt = replaceNode(latt, withIngress(found.node, source, store))
  }
}

describe('resolution', () => {
  it('leads every agent by every name it may use to a physical agent under that name', () => {
    fc.assert(
      fc.property(latts, (latt) => {
        for (const source of leaves(latt)) {
          for (const { id: name } of walk(latt)) {
            if (name === ROOT || !isWithin(source.id, parentOf(name))) continue
            const found = resolveFully(latt, source.id, name)
            expect(found).toBeDefined()
            expect(isWithin(found?.id ?? '', name)).toBe(true)
            expect(findNode(found?.latt as LattNode, found?.id ?? '')?.applied).toBeUndefined()
          }
        }
      }),
      { verbose: true },
    )
  })

  it('gives different clients of a transformed agent different proxies', () => {
    fc.assert(
      fc.property(latts, (latt) => {
        const top = latt.children.find((child) => child.applied !== undefined)
        if (top === undefined) return
        const proxies = leaves(latt)
          .filter((each) => !isWithin(each.id, top.id))
          .map((source) => resolveFully(latt, source.id, top.id)?.id)
        expect(new Set(proxies).size).toBe(proxies.length)
      }),
    )
  })

  it('is the same however often it is asked, and does not depend on other clients', () => {
    fc.assert(
      fc.property(latts, fc.nat(), fc.nat(), (latt, one, other) => {
        const sources = leaves(latt)
        const source = sources[one % sources.length] as LattNode
        const name = ['A', 'B', 'C'][other % 3] as string
        const first = resolveFully(latt, source.id, name)
        let crowded = latt
        for (const each of sources) crowded = resolveFully(crowded, each.id, name)?.latt ?? crowded
        expect(resolveFully(crowded, source.id, name)?.id).toBe(first?.id)
      }),
    )
  })

  it('refuses a name inside another transformed agent, and one that is nowhere', () => {
    const latt = replaceNode(
      system(['A', 'B']),
      applyTransformation(
        findNode(system(['A', 'B']), 'A') as LattNode,
        { name: 'spread', code: spreadCode },
        { parts: 2 },
        store,
      ),
    )
    expect(resolve(latt, 'B', 'A/Part1')).toMatchObject({ found: 'unknown' })
    expect(resolve(latt, 'B', 'Nobody')).toMatchObject({ found: 'unknown' })
    expect(resolve(latt, 'A/Out2', 'A')).toEqual({ found: 'agent', id: 'A/Part2' })
  })
})

describe('paths', () => {
  const segments = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_:.-]{0,5}[A-Za-z0-9]$/)
  const ids = fc.array(segments, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))

  it('give every client a segment of its own', () => {
    fc.assert(
      fc.property(ids, ids, (one, other) => {
        expect(clientSegment(one) === clientSegment(other)).toBe(one === other)
        expect(clientSegment(one)).not.toContain('/')
      }),
    )
  })

  it('show a receiver its sender as far as the two have no ancestor in common', () => {
    fc.assert(
      fc.property(ids, ids, (sender, receiver) => {
        const seen = visibleSender(sender, receiver)
        expect(isWithin(sender, seen)).toBe(true)
        expect(isWithin(receiver, parentOf(seen))).toBe(true)
        expect(seen === sender || !isWithin(receiver, seen)).toBe(true)
      }),
    )
    expect(visibleSender('WEB/Shard1', 'KVS')).toBe('WEB')
    expect(visibleSender('KVS/ShardEgressProxy1', 'KVS/Shard1')).toBe('KVS/ShardEgressProxy1')
    expect(visibleSender('KVS', 'KVS')).toBe('KVS')
  })

  it('are taken apart and put together', () => {
    fc.assert(
      fc.property(ids, segments, (id, name) => {
        expect(parentOf(join(id, name))).toBe(id)
        expect(isUnder(join(id, name), id)).toBe(true)
        expect(childTowards(join(join(id, name), 'x'), id)).toBe(join(id, name))
      }),
    )
  })
})
