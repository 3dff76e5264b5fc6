import type { Host } from '../../host/index.ts';

/** What the kernel of this machine can do for services. */
export type Abilities = { readonly hasCgroup2: boolean; readonly hasAppArmor: boolean };

export async function readAbilities(host: Host): Promise<Abilities> {
  const isThere = async (path: string): Promise<boolean> => (await host.files.stat(path)) !== undefined;
  const [hasCgroup2, isInKernel, hasParser] = await Promise.all([
    isThere('/sys/fs/cgroup/cgroup.controllers'),
    isThere('/sys/kernel/security/apparmor/profiles'),
    // Without it LXC starts nothing that is to have a profile.
    isThere('/sbin/apparmor_parser'),
  ]);
  return { hasCgroup2, hasAppArmor: isInKernel && hasParser };
}
