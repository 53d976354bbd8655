import { packageOf } from './arrows.mjs'

const bare = new Set(['Error', 'TypeError', 'RangeError', 'SyntaxError', 'EvalError', 'URIError', 'AggregateError'])

/** The lint rule `flexgen/no-bare-error`: sources throw FlexgenError subclasses, which carry a code and a hint. */
export const rule = {
  create(context) {
    const here = packageOf(context.filename)
    if (!here?.isSource) return {}
    const message = 'use a FlexgenError subclass of @flexgen/spec: it carries a code and a hint'
    const check = (node, callee) => {
      if (callee?.type === 'Identifier' && bare.has(callee.name)) context.report({ node, message })
    }
    const checkCall = (node) => check(node, node.callee)
    const checkClass = (node) => here.name === 'spec' || check(node, node.superClass)
    return {
      NewExpression: checkCall,
      CallExpression: checkCall,
      ClassDeclaration: checkClass,
      ClassExpression: checkClass,
    }
  },
}
