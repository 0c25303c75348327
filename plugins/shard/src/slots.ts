/**
 * Keys hash to a fixed number of slots, and slots are owned by shards. Only the owner table depends on the
 * number of shards, so a change from n to m moves just the slots whose owner changes.
 */
export const SLOTS = 16384

/** FNV-1a over UTF-16 code units, mixed once more, so that keys that differ in their last letter spread well. */
export function slotOf(key: string, salt: number): number {
  let hash = (0x811c9dc5 ^ salt) | 0
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % SLOTS
}

/** Sharding a shard must divide anew: the same hash twice would leave all its keys in one part. */
export function saltOf(id: string): number {
  let salt = 0
  for (let index = 0; index < id.length; index++) salt = (Math.imul(salt, 31) + id.charCodeAt(index)) | 0
  return salt
}

const tables: Uint16Array[] = [new Uint16Array(0), new Uint16Array(SLOTS)]

/**
 * Owner (from 0) of each slot among `shards` shards. Each table is the one before with an equal share taken
 * from every owner for the new one, so tables of any two sizes differ in as few slots as can be.
 */
export function ownerTable(shards: number): Uint16Array {
  for (let count = tables.length; count <= shards; count++) {
    const table = Uint16Array.from(tables[count - 1] as Uint16Array)
    const owned = new Array<number>(count - 1).fill(0)
    for (const owner of table) owned[owner] = (owned[owner] ?? 0) + 1
    const keep = owned.map((_, owner) => Math.floor(SLOTS / count) + (owner < SLOTS % count ? 1 : 0))
    for (let slot = SLOTS - 1; slot >= 0; slot--) {
      const owner = table[slot] as number
      if ((owned[owner] as number) <= (keep[owner] as number)) continue
      owned[owner] = (owned[owner] as number) - 1
      table[slot] = count - 1
    }
    tables.push(table)
  }
  return tables[shards] as Uint16Array
}
