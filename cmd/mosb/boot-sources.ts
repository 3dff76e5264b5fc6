import type { Host } from '../../pkg/host/index.ts';
import type { PackInitrd } from '../../pkg/system/index.ts';

const efi = '/usr/lib/systemd/boot/efi';

/** What boot files are made of: options of the commands that make them. */
export const bootSources = {
  kernel: { kind: 'path', value: 'DIR', required: true, help: 'the kernel and its modules' },
  preinit: {
    kind: 'path',
    value: 'FILE',
    default: '/usr/lib/mos/preinit',
    help: 'the first program of the initrd',
  },
  stub: {
    kind: 'path',
    value: 'FILE',
    default: `${efi}/linuxx64.efi.stub`,
    help: "systemd's stub, unsigned",
  },
  loader: {
    kind: 'path',
    value: 'FILE',
    default: `${efi}/systemd-bootx64.efi`,
    help: "systemd's boot loader",
  },
  cryptsetup: {
    kind: 'path',
    value: 'FILE',
    default: '/sbin/cryptsetup',
    help: 'the program that unlocks disks in the initrd',
  },
  commandLine: {
    kind: 'text',
    value: 'TEXT',
    default: 'console=tty0 console=ttyS0 panic=-1 oops=panic softlockup_panic=1 systemd.watchdog_sec=60',
    help: 'the command line of the kernel; no other counts under Secure Boot. systemd.import_credentials=no is added where it says nothing of that',
  },
} as const;

type Given = { readonly [K in keyof typeof bootSources]: string };

/** What the use case takes: files, and the initrd of this program with the keys of the keyset. */
export async function toBootSources(host: Host, keyset: string, given: Given) {
  const { initrdArchive } = await import('../../initrd/archive.ts');
  const { keysFolder } = await import('../../pkg/trust/index.ts');
  const { kernel, preinit, cryptsetup, stub, loader, commandLine } = given;
  const keys = `${keysFolder(host)}/${keyset}`;
  const secrets = { sudiCa: `${keys}/sudi-ca/cert.pem`, policies: `${keys}/pcr7data`, cryptsetup };
  const parts = { preinit, mosctl: host.machine.program()[0], modules: `${kernel}/modules`, secrets };
  const initrd: PackInitrd = (manifestCa, { identify, ...live }) =>
    initrdArchive(
      host,
      { ...parts, ...live, manifestCa },
      { compress: true, ...(identify === undefined ? {} : { identify }) },
    );
  return { keyset, kernel: `${kernel}/vmlinuz`, stub, loader, commandLine, initrd };
}
