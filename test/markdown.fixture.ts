/** A fenced block of code: what stands after the fence's language, and its lines. */
export interface CodeBlock {
  readonly language: string
  readonly about: string
  readonly code: string
}

const fence = /^```(\S*)[ \t]*(.*)\n([\s\S]*?)^```$/gm

export function codeBlocks(text: string): CodeBlock[] {
  return Array.from(text.matchAll(fence), ([, language = '', about = '', code = '']) => ({ language, about, code }))
}

/** Targets of the links of a page that lead to files: relative, perhaps with an anchor. */
function relativeLinks(text: string): string[] {
  const prose = text.replaceAll(fence, '').replaceAll(/`[^`\n]*`/g, '')
  return Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target).filter(
    (target) => !/^[a-z]+:/.test(target),
  )
}

/** The anchors that a page's headings have. */
export function anchors(text: string): Set<string> {
  const headings = text.replaceAll(fence, '').matchAll(/^#+ (.+)$/gm)
  return new Set(
    Array.from(headings, ([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/**
 * What of a page's links leads nowhere.
 *
 * @param path the page's, relative to the root
 * @param read gives the text of a file, '' for a directory, undefined if there is neither
 */
export function deadLinks(path: string, text: string, read: (path: string) => string | undefined): string[] {
  return relativeLinks(text).filter((link) => {
    const [file = '', anchor] = link.split('#')
    const target = file === '' ? path : new URL(file, `file:///${path}`).pathname.slice(1)
    const found = file === '' ? text : read(decodeURIComponent(target))
    return found === undefined || (anchor !== undefined && !anchors(found).has(anchor))
  })
}
