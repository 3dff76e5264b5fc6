import { messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import type { InstallTarget } from '../manifest/index.ts';
import type { Report } from '../steps/index.ts';
import { inBootkit } from './bootkit/index.ts';
import type { Machine } from './machine.ts';
import { mountTarget } from './mounting.ts';

/** In /run, which the initrd hands over as it is. */
const placeOf = ({ paths }: Machine): string => `${paths.run}/bootkit`;

/**
 * Shows the running kernel's modules in the new root: those of the bootkit that belongs to what boots, so they are
 * the right ones after an update and after a fall-back alike.
 */
export async function mountBootkit(
  host: Host,
  machine: Machine,
  store: Layout,
  target: InstallTarget,
  root: string,
  report: Report,
): Promise<void> {
  const at = placeOf(machine);
  await host.files.makeFolder(at, { parents: true });
  await mountTarget(host, machine, store, { target, at, integrity: 'verity', owner: 'mos-initrd' });
  const release = await host.machine.kernelRelease();
  try {
    const modules = await host.files.pathBelow(root, 'lib/modules').catch(() => `${root}/lib/modules`);
    await host.files.makeFolder(`${modules}/${release}`, { parents: true });
    const from = await host.files.pathBelow(at, `${inBootkit.modules}/${release}`);
    await host.mounts.bind(from, `${modules}/${release}`);
  } catch (error) {
    report({ kind: 'note', text: `warning: no modules for Linux ${release}: ${messageOf(error)}` });
  }
}
