import type { Host } from '../host/index.ts';
import type { PartitionRole } from './types.ts';

/** An empty file system of the kind that the role asks for; what was on the device is lost. */
export async function makeFileSystem(host: Host, node: string, role: PartitionRole): Promise<void> {
  // The ESP is read by firmware, the others by us; `-m 0`: no part is kept for root, who is the only one to write there.
  const program: [string, ...string[]] =
    role === 'esp'
      ? ['/sbin/mkfs.vfat', '-F', '32', '-n', 'ESP', node]
      : ['/sbin/mke2fs', '-q', '-F', '-t', 'ext4', '-m', '0', '-L', role, node];
  await host.processes.run(program);
}
