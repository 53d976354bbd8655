/**
 * Names of the packages that may hold a library for this platform, the likelier first. On Linux those for glibc and for
 * musl have the same processor and system; npm installs the one whose `libc` fits.
 */
export function prebuiltPackages(): string[] {
  const { arch, platform } = process
  const targets = platform === 'linux' ? ['gnu', 'musl'].map((libc) => `${arch}-${libc}`) : [arch]
  return targets.map((target) => `@flexgen/backend-native-${platform}-${target}`)
}
