import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { UserConfig } from 'vitepress'
import { root } from '../pages.ts'
import { linkedFiles } from './linked-files.ts'

type Plugin = NonNullable<NonNullable<UserConfig['vite']>['plugins']>[number]

/** Files that pages link to under `docs:dev`; a build copies them instead. */
export function serveFiles(): Plugin {
  return {
    name: 'flexgen:files',
    configureServer: (server) => {
      server.middlewares.use((request, response, next) => {
        const file = linkedFiles().find((file) => request.url === `/files/${file}`)
        if (file === undefined) return next()
        readFile(path.join(root, file)).then((bytes) => response.end(bytes), next)
      })
    },
  }
}
