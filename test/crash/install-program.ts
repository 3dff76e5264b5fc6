// install-program.ts DISK CA REFERENCE ESP: an install on a disk as a process of its own, to be killed; ESP is the folder
// that is mounted in place of one.
import small from '../../layouts/disks/small.json' with { type: 'json' };
import type { PartitionWish } from '../../pkg/disk/index.ts';
import { parseReference } from '../../pkg/oci/index.ts';
import { installOnDisk } from '../../pkg/system/index.ts';
import { withFolderAsEsp } from '../helpers/loop-disk.ts';

const [disk = '', ca = '', reference = '', esp = ''] = process.argv.slice(2);
const options = {
  ...{ disk, layout: small as PartitionWish[], yes: true, unencrypted: true },
  ...{ reference: parseReference(reference), ca, access: {}, builtAt: new Date(0) },
};
await installOnDisk(withFolderAsEsp(esp), options, () => {});
