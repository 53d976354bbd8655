import { packageOf } from './arrows.mjs'

/** The lint rule `flexgen/jsdoc-on-exports`: every exported declaration of a source says what it is. */
export const rule = {
  create(context) {
    if (!packageOf(context.filename)?.isSource) return {}
    const documented = new Set()
    return {
      ExportNamedDeclaration(node) {
        if (!node.declaration) return
        const name = node.declaration.id?.name
        const comments = context.sourceCode.getCommentsBefore(node)
        if (comments.some((comment) => comment.type === 'Block' && comment.value.startsWith('*'))) documented.add(name)
        // Overloads share the comment of the first signature; a type and a value of one name share one, too.
        else if (name === undefined || !documented.has(name)) {
          context.report({ node: node.declaration.id ?? node, message: 'an export needs a JSDoc comment' })
        }
      },
    }
  },
}
