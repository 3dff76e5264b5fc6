import { MosError } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';
import { keyset } from './arguments.ts';

const value = (of: string) =>
  ({ kind: 'path', value: 'FILE', help: `PCR 7 under the key ${of}, as a machine has it` }) as const;

export const keysetPcr7data = command({
  name: 'keyset pcr7data',
  summary: 'Sign TPM policies for a state of firmware and add them to the keyset',
  description:
    'Without files the values of PCR 7 are computed for firmware that has PK, KEK and db of the keyset and, with --dbx, that list of revoked files: sign the policies for it before machines get it. What is signed goes into the boot files that `mosb bootkit build` makes from then on. `keyset add` has done it for firmware without a dbx.',
  arguments: { keyset },
  options: {
    pcr7Prod: value('uki-production'),
    pcr7Limited: value('uki-limited'),
    pcr7Tpm: value('uki-tpm'),
    passwdPolicy: {
      kind: 'path',
      value: 'FILE',
      aliases: ['passwdPolicy'],
      help: 'the policy for the admin password, compared before it is signed',
    },
    luksPolicy: {
      kind: 'path',
      value: 'FILE',
      aliases: ['luksPolicy'],
      help: 'the policy for disks, compared before it is signed; its version counts',
    },
    policyVersion: { kind: 'text', value: 'NNNN', help: 'the policy version; default 0001' },
    dbx: { kind: 'path', value: 'FILE', help: "the content of the firmware's variable dbx" },
  },
  async run({ host, args, options }) {
    const { pcr7Prod: production, pcr7Limited: limited, pcr7Tpm: tpm } = options;
    const given = [production, limited, tpm].filter((file) => file !== undefined).length;
    if (given !== 0 && given !== 3)
      throw new MosError('usage', 'cannot sign policies: of the three values of PCR 7 one is missing', {
        hint: 'give --pcr7-prod, --pcr7-limited and --pcr7-tpm, or none of them',
      });
    const pcr7 = production && limited && tpm ? { production, limited, tpm } : undefined;
    const { luksPolicy: luks, passwdPolicy: password, policyVersion: version, dbx } = options;
    const use = await import('../../pkg/trust/index.ts');
    return use.addPcr7Data(host, args.keyset, { pcr7, luks, password, version, dbx });
  },
  render: ({ version, entries }) =>
    Object.entries(entries)
      .map(([purpose, { pcr7 }]) => `${purpose.padEnd(10)} ${pcr7}`)
      .concat(`signed, policy version ${version}`)
      .join('\n'),
});
