import path from 'node:path'
import { Application, Comment, Converter, ReflectionKind, type TypeDocOptions } from 'typedoc'
import { InternalError } from '@flexgen/spec'
import type { PluginOptions } from 'typedoc-plugin-markdown'
import { listPackages } from '../packages.ts'
import { root } from '../pages.ts'

const options = {
  plugin: ['typedoc-plugin-markdown'],
  tsconfig: path.join(root, 'packages/docs-site/tsconfig.api.json'),
  // The repository's own type check has looked at all of it, with another version of TypeScript.
  skipErrorChecking: true,
  excludeInternal: true,
  excludeExternals: true,
  disableSources: true,
  readme: 'none',
  name: 'API reference',
  router: 'module',
  entryFileName: 'index',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useHTMLAnchors: true,
  useCodeBlocks: true,
  expandParameters: true,
  indexFormat: 'table',
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  propertyMembersFormat: 'table',
  tableColumnSettings: {
    hideDefaults: true,
    hideInherited: true,
    hideModifiers: true,
    hideOverrides: true,
    hideSources: true,
  },
  logLevel: 'Error',
} satisfies Partial<TypeDocOptions & PluginOptions>

/** Writes a page for each package with something to import, and an index of them. */
export async function writeApi(folder: string): Promise<void> {
  const packages = listPackages().filter(({ api }) => api !== undefined)
  const entryPoints = packages.map((one) => path.join(root, one.folder, 'src/index.ts'))
  const application = await Application.bootstrapWithPlugins({ ...options, entryPoints })
  application.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getChildrenByKind(ReflectionKind.Module)) {
      const found = packages.find((one) => module.name === `${one.folder}/src`)
      if (!found) continue
      module.name = found.name
      module.comment = new Comment([{ kind: 'text', text: found.description }])
    }
  })
  const project = await application.convert()
  if (!project) throw new InternalError('TypeDoc could not read the sources')
  application.options.setValue('out', folder)
  await application.generateOutputs(project)
  if (application.logger.hasErrors()) throw new InternalError('TypeDoc reported errors')
}
