import { command } from '../cli/command.ts';
import { renderBootFile, renderBootkit } from '../render/bootkit.ts';
import { bootSources, toBootSources } from './boot-sources.ts';

export const bootkitBuild = command({
  name: 'bootkit build',
  summary: 'Make what a machine boots from, signed with a keyset',
  description:
    'Boot files (unified kernel images) for production, limited use and TPM provisioning, the boot loader, and the files that enrol the keyset in firmware: keys/*.auth go to loader/keys/auto of the ESP. KERNEL is a folder with vmlinuz, modules/*.ko for the initrd, and lib/modules. An import file names oci:DIR/image:bootkit as the source of the target bootkit. The same parts give the same bytes.',
  arguments: {
    keyset: { kind: 'text', value: 'KEYSET', help: 'whose keys sign' },
    output: { kind: 'path', value: 'DIR', help: 'the folder to make' },
  },
  options: bootSources,
  examples: ['mosb bootkit build --kernel build/kernel acme bootkit'],
  async run({ host, args, options, report }) {
    const use = await import('../../pkg/system/index.ts');
    const sources = await toBootSources(host, args.keyset, options);
    const modules = `${options.kernel}/lib/modules`;
    return use.buildBootkit(host, { ...sources, output: args.output, modules }, report);
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
