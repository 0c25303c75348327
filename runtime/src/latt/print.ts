import type { LattNode } from './latt.js'

export interface TreeItem {
  readonly text: string
  readonly children: readonly TreeItem[]
}

/** A text tree with line-drawing branches. */
export function printTree(item: TreeItem): string {
  const lines = [item.text]
  const descend = (children: readonly TreeItem[], indent: string) => {
    children.forEach((child, index) => {
      const last = index === children.length - 1
      lines.push(`${indent}${last ? '└─ ' : '├─ '}${child.text}`)
      descend(child.children, `${indent}${last ? '   ' : '│  '}`)
    })
  }
  descend(item.children, '')
  return lines.join('\n')
}

function optionText(options: Readonly<Record<string, unknown>>): string {
  return Object.entries(options)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}

/** The LATT as a tree; `note` adds to a node's line (a place, a status). */
export function lattTree(node: LattNode, systemName: string, note: (node: LattNode) => string = () => ''): TreeItem {
  const name = node.role === 'system' ? systemName : node.id.slice(node.id.lastIndexOf('/') + 1)
  const what =
    node.role === 'system'
      ? ''
      : node.applied === undefined
        ? `  ${node.kind} ${node.version}`
        : `  = ${node.applied.plugin}(${optionText(node.applied.options)})`
  const more = note(node)
  return {
    text: `${name}${what}${more === '' ? '' : `  ${more}`}`,
    children: node.children.map((child) => lattTree(child, systemName, note)),
  }
}
