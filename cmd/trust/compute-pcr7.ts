import { command } from '../cli/command.ts';

export const computePcr7 = command({
  name: 'computePCR7',
  summary: 'Compute PCR 7 of machines that boot with a keyset',
  description:
    'In the SHA-256 bank, for boot files signed for production, limited use and TPM provisioning, where the firmware has PK, KEK and db as `mosb bootkit build` made them.',
  arguments: { keyset: { kind: 'text', value: 'KEYSET', help: 'the keyset' } },
  options: {
    dbx: {
      kind: 'path',
      value: 'FILE',
      help: "the content of the firmware's variable dbx, where it has one",
    },
  },
  async run({ host, args, options }) {
    const use = await import('../../pkg/trust/index.ts');
    return use.keysetPcr7(host, args.keyset, options);
  },
  render: (values) =>
    Object.entries(values)
      .map(([name, value]) => `${name.padEnd(10)} ${value}`)
      .join('\n'),
});
