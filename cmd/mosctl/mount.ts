import { command } from '../cli/command.ts';
import { integrity, reading, root } from '../cli/common.ts';
import { ca, incomingArguments, incomingOptions } from './incoming.ts';

export const mount = command({
  name: 'mount',
  summary: 'Mount one target of the installed generation, or of a published manifest',
  description:
    'With REF the manifest is verified and what the target needs is imported: no installation is needed (live mode).',
  arguments: { ref: { ...incomingArguments.ref, optional: true } },
  options: {
    target: { kind: 'text', value: 'NAME', help: 'the target [hostfs; with REF livecd]' },
    readonly: { kind: 'flag', aliases: ['ro'], help: 'mount it read-only' },
    dest: { kind: 'path', value: 'DIR', help: 'where it is put [<root>/mnt/mos/<target>]' },
    root,
    ca,
    product: incomingOptions.product,
    integrity,
    ...reading,
  },
  async run({ host, args, options, report, signal, builtAt }) {
    const use = await import('../../pkg/system/index.ts');
    const { plainHttp, registryCa, ...rest } = options;
    const access = { plainHttp, registryCa, signal };
    return use.mount(host, { ...rest, reference: args.ref, access, builtAt }, report);
  },
  render: ({ name, version, at, isWritable, changed }) =>
    `${name} ${version} is ${changed ? '' : 'already '}at ${at} (${isWritable ? 'writable' : 'read-only'})`,
});
