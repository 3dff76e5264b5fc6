import { command } from '../cli/command.ts';
import { renderBootFile, renderBootkit } from '../render/bootkit.ts';

const efi = '/usr/lib/systemd/boot/efi';

export const bootkitBuild = command({
  name: 'bootkit build',
  summary: 'Make what a machine boots from, signed with a keyset',
  description:
    'Boot files (unified kernel images) for production, limited use and TPM provisioning, the boot loader, and the files that enrol the keyset in firmware: keys/*.auth go to loader/keys/auto of the ESP. KERNEL is a folder with vmlinuz, modules/*.ko for the initrd, and lib/modules. An import file names oci:DIR/image:bootkit as the source of the target bootkit. The same parts give the same bytes.',
  arguments: {
    keyset: { kind: 'text', value: 'KEYSET', help: 'whose keys sign' },
    output: { kind: 'path', value: 'DIR', help: 'the folder to make' },
  },
  options: {
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
      default:
        'console=tty0 console=ttyS0 panic=-1 oops=panic softlockup_panic=1 systemd.watchdog_sec=60 systemd.import_credentials=no',
      help: 'the command line of the kernel; no other counts under Secure Boot',
    },
  },
  examples: ['mosb bootkit build --kernel build/kernel acme bootkit'],
  async run({ host, args, options, report }) {
    const use = await import('../../pkg/system/index.ts');
    const { initrdArchive } = await import('../../initrd/archive.ts');
    const { kernel, preinit, cryptsetup, ...rest } = options;
    const mosctl = host.machine.program()[0];
    const modules = `${kernel}/modules`;
    const { keysFolder } = await import('../../pkg/trust/index.ts');
    const keys = `${keysFolder(host)}/${args.keyset}`;
    const secrets = { sudiCa: `${keys}/sudi-ca/cert.pem`, policies: `${keys}/pcr7data`, cryptsetup };
    const initrd = (manifestCa: string, identify: (archive: Uint8Array) => string) =>
      initrdArchive(host, { preinit, mosctl, manifestCa, modules, secrets }, { compress: true, identify });
    const parts = { kernel: `${kernel}/vmlinuz`, modules: `${kernel}/lib/modules`, initrd };
    return use.buildBootkit(host, { ...rest, ...args, ...parts }, report);
  },
  render: renderBootkit,
});

export const bootkitInspect = command({
  name: 'bootkit inspect',
  summary: 'Show what a boot file is made of, beside what it may have of each kind',
  arguments: { file: { kind: 'path', value: 'FILE', help: 'a boot file' } },
  async run({ host, args }) {
    const use = await import('../../pkg/system/index.ts');
    const { listInitrd } = await import('../../initrd/list.ts');
    const { compareBudget } = await import('../../initrd/budget.ts');
    const { initrd, ...file } = await use.readBootFile(host, args.file);
    const listed = listInitrd(initrd);
    return { ...file, initrd: listed, budget: compareBudget(listed.files) };
  },
  render: renderBootFile,
});
