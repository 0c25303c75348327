/** The id of the root of every LATT, the System Agent, which is virtual and has no name of its own. */
export const ROOT = ''

/** Whether `ancestor` is `id` or a path prefix of it. */
export function isWithin(id: string, ancestor: string): boolean {
  if (ancestor === ROOT || id === ancestor) return true
  return id.length > ancestor.length && id.charCodeAt(ancestor.length) === 47 && id.startsWith(ancestor)
}

/** Whether `id` lies strictly below `ancestor`. */
export function isUnder(id: string, ancestor: string): boolean {
  return id !== ancestor && isWithin(id, ancestor)
}

export function parentOf(id: string): string {
  const slash = id.lastIndexOf('/')
  return slash < 0 ? ROOT : id.slice(0, slash)
}

export function join(parent: string, name: string): string {
  return parent === ROOT ? name : `${parent}/${name}`
}

/** The child of `ancestor` on the way down to `id`. */
export function childTowards(id: string, ancestor: string): string {
  const start = ancestor === ROOT ? 0 : ancestor.length + 1
  const slash = id.indexOf('/', start)
  return slash < 0 ? id : id.slice(0, slash)
}

/**
 * What `receiver` may know `sender` as: the sender's ancestor at the level where the two paths part
 * (architecture: KVS sees WEB, not WEB/Shard1). A part of the receiver, or the receiver, is itself.
 */
export function visibleSender(sender: string, receiver: string): string {
  let common: string = ROOT
  while (isUnder(sender, common) && isWithin(receiver, childTowards(sender, common))) {
    common = childTowards(sender, common)
    if (common === sender) return sender
  }
  return childTowards(sender, common)
}

/**
 * A client's path as one segment, for the ids of its ingress proxies (`KVS/ShardIngressProxy:WEB.Shard1`).
 * Dots are doubled, so that two clients never get the same segment.
 */
export function clientSegment(client: string): string {
  return client.replaceAll('.', '..').replaceAll('/', '.')
}

const segment = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/

/** Whether a designer may give an agent this name. */
export function isAgentName(name: string): boolean {
  return segment.test(name) && name !== 'controller' && name !== 'box' && name !== 'client'
}
