import { isMosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';

/** The file that a control group has for its share of the disks, which depends on how the kernel was built. */
export type IoWeightFile = 'io.weight' | 'io.bfq.weight';

const groups = '/sys/fs/cgroup';
const probe = `${groups}/mos.probe`;

/** Asks the kernel by a group of our own; undefined where it can't share disks. For control groups of version 2. */
export async function findIoWeight(host: Host): Promise<IoWeightFile | undefined> {
  // What LXC does too when it makes a group: without it there is no file of this controller in any.
  await host.processes.run(['tee', `${groups}/cgroup.subtree_control`], { input: '+io\n', accept: [1] });
  try {
    await host.files.makeFolder(probe, { parents: true });
    for (const file of ['io.weight', 'io.bfq.weight'] as const)
      if ((await host.files.stat(`${probe}/${file}`)) !== undefined) return file;
    return undefined;
  } finally {
    await host.files.removeFolder(probe).catch((error: unknown) => {
      if (!isMosError(error)) throw error; // somebody else probes, or it was never made
    });
  }
}
